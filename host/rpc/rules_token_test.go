package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/byova-host/byova-host/host/rpc"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/logtest"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// tokens are those that count, with the organisation of each.
type tokens map[string]string

// errForged is what a verifier knows and a forger must not.
var errForged = errors.New("token refused: nonce_mismatch")

func (all tokens) Verify(_ context.Context, token string) (rpc.Permit, error) {
	org, ok := all[token]
	if !ok {
		return nil, errForged
	}
	return func(of string) error {
		if of != org {
			return errors.New("the token is of another organisation")
		}
		return nil
	}, nil
}

// TestR57_Tokens: each RPC of a call, and the list of agents, want a token of the
// organisation; health does not. What is refused begins no session.
func TestR57_Tokens(t *testing.T) {
	log := &logtest.Log{}
	opened := 0
	p := &puppet{react: answering(done), list: func() ([]session.AgentInfo, error) {
		opened++
		return []session.AgentInfo{{ID: "a", Name: "A", Default: true}}, nil
	}}
	r := performTo(t, rpc.Options{Verifier: tokens{"good-org": "org", "next-org": "org", "good-other": "other"}}, p,
		session.Config{Log: hclog.New(&hclog.LoggerOptions{Output: log})})
	tests := []struct {
		name   string
		header []string
		want   codes.Code
	}{
		{"none", nil, codes.Unauthenticated},
		{"empty", []string{""}, codes.Unauthenticated},
		{"forged", []string{"Bearer forged-123"}, codes.Unauthenticated},
		{"another scheme", []string{"Basic good-org"}, codes.Unauthenticated},
		{"two", []string{"Bearer good-org", "Bearer good-org"}, codes.Unauthenticated},
		{"two, one forged", []string{"Bearer good-org", "Bearer forged-123"}, codes.Unauthenticated},
		{"another organisation's", []string{"Bearer good-other"}, codes.PermissionDenied},
		{"good", []string{"Bearer good-org"}, codes.OK},
		{"good, renewed", []string{"Bearer next-org"}, codes.OK},
		{"good, lower case", []string{"bearer good-org"}, codes.OK},
		{"good, bare", []string{"good-org"}, codes.OK},
	}
	client := mediav1.NewVoiceVirtualAgentClient(r.conn)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			said := len(log.String())
			ctx := t.Context()
			for _, value := range test.header {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", value)
			}
			before, live := opened, r.sessions.Len()
			_, listed := client.ListVirtualAgents(ctx, &mediav1.ListVARequest{CustomerOrgId: "org"})
			if asked := opened > before; asked != (test.want == codes.OK) {
				t.Errorf("the bot was asked for its agents: %v", asked)
			}
			_, called := r.exchangeIn(ctx, t, event("c-"+test.name, mediav1.EventInput_SESSION_START))
			began := r.sessions.Len() - live
			if status.Code(listed) != test.want || status.Code(called) != test.want {
				t.Errorf("listing got %v, calling %v, want %v", listed, called, test.want)
			}
			if (test.want == codes.OK) != (began == 1) {
				t.Errorf("%d sessions began", began)
			}
			for _, text := range []string{log.String()[said:], status.Convert(listed).Message(), status.Convert(called).Message()} {
				if strings.Contains(text, "forged-123") || strings.Contains(text, "good-") {
					t.Errorf("a token is shown: %s", text)
				}
			}
			for _, err := range []error{listed, called} {
				if strings.Contains(status.Convert(err).Message(), "nonce") {
					t.Errorf("a forger learns why: %v", err)
				}
			}
			if test.name == "forged" && !strings.Contains(log.String()[said:], "nonce_mismatch") {
				t.Errorf("the log does not say why: %s", log.String()[said:])
			}
		})
	}
	for _, service := range []string{"", "com.cisco.wcc.ccai.media.v1.VoiceVirtualAgent"} {
		standard, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || standard.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q without a token: %v, %v", service, standard, err)
		}
		cisco, err := ccaiv1.NewHealthClient(r.conn).Check(t.Context(), &ccaiv1.HealthCheckRequest{Service: service})
		if err != nil || cisco.GetStatus() != ccaiv1.HealthCheckResponse_SERVING {
			t.Errorf("Cisco's health of %q without a token: %v, %v", service, cisco, err)
		}
	}
}

// TestForgersDoNotFillTheLog: a token costs nothing to forge.
func TestForgersDoNotFillTheLog(t *testing.T) {
	log := &logtest.Log{}
	r := performTo(t, rpc.Options{Verifier: tokens{}}, &puppet{}, session.Config{Log: hclog.New(&hclog.LoggerOptions{Output: log})})
	for range 300 {
		if _, err := r.exchange(t, event("c", mediav1.EventInput_SESSION_START)); status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(log.String(), "RPC refused"); lines < 100 || lines > 200 {
		t.Errorf("%d lines for 300 forgeries, want 100 and one a second", lines)
	}
}
