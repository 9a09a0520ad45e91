package caller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	healthv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// probeLimit is how long a server has to answer a probe.
const probeLimit = 10 * time.Second

// probe is a row of what a server is judged by outside of calls.
type probe struct {
	id, name string
	run      func(*prober, *report)
}

// probes lists the rules that no call of a well-behaved Webex shows.
var probes = []probe{
	{"R6", "a conversation keeps its virtual agent", probeAgentChange},
	{"R48", "SESSION_END is completed", probeStrangeEnd},
	{"R57", "a wrong token is refused", probeToken},
	{"R58", "the virtual agents are listed, one of them the default", probeList},
	{"R59", "the health service says that the server serves", probeHealth},
	{"R61", "errors have the status codes of the contract", probeStatus},
}

// prober sends probes.
type prober struct {
	ctx  context.Context
	conn *grpc.ClientConn
	o    Options
}

// runProbes sends all probes, one after the other.
func runProbes(ctx context.Context, o Options) ([]Finding, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	conn, err := o.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	wait, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	reached := connect(wait, conn) == nil // else the calls tell
	p := &prober{ctx: ctx, conn: conn, o: o}
	var found []Finding
	for _, row := range probes {
		f := &report{Finding: Finding{Rule: row.id, Name: row.name, Outcome: NotSeen}}
		if reached {
			row.run(p, f)
		}
		found = append(found, f.Finding)
	}
	return found, nil
}

// context is that of one request, with the token of the call or another.
func (p *prober) context(token string) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithTimeout(p.ctx, probeLimit)
	ctx = metadata.AppendToOutgoingContext(ctx, "trackingid", "byova-probe_"+NewConversationID())
	if token == "" && p.o.Token != nil {
		var err error
		if token, err = p.o.Token(ctx); err != nil {
			cancel()
			return nil, nil, err
		}
	}
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return ctx, cancel, nil
}

// request is the first and only message of an RPC.
func (p *prober) request(conversation string, event mediav1.EventInput_EventType) *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{
		ConversationId: conversation, CustomerOrgId: p.o.Org, VirtualAgentId: p.o.Agent,
		VoiceVaInputType: &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: event}},
	}
}

// send makes an RPC of one message and gives its status and what came before.
func (p *prober) send(m *mediav1.VoiceVARequest, token string) (*status.Status, []*mediav1.VoiceVAResponse) {
	ctx, cancel, err := p.context(token)
	if err != nil {
		return status.New(codes.Unknown, "get the token: "+err.Error()), nil
	}
	defer cancel()
	s, err := mediav1.NewVoiceVirtualAgentClient(p.conn).ProcessCallerInput(ctx)
	if err != nil {
		return status.Convert(err), nil
	}
	if s.Send(m) == nil { // else Recv says why
		_ = s.CloseSend() // never fails
	}
	const most = 10_000
	var got []*mediav1.VoiceVAResponse
	for len(got) < most {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return status.New(codes.OK, ""), got
		}
		if err != nil {
			return status.Convert(err), got
		}
		got = append(got, m)
	}
	return status.New(codes.ResourceExhausted, fmt.Sprintf("more than %d messages", most)), got
}

// end closes a conversation that a probe began.
func (p *prober) end(conversation string) {
	p.send(p.request(conversation, mediav1.EventInput_SESSION_END), "")
}

// unreached reports whether a status says that nobody answered, which is no
// rule's matter.
func unreached(s *status.Status) bool { return s.Code() == codes.Unavailable }

func probeStatus(p *prober, f *report) {
	const start = mediav1.EventInput_SESSION_START
	unknown, nobody, nowhere := p.request(NewConversationID(), start), p.request("", start), p.request(NewConversationID(), start)
	unknown.VirtualAgentId = "no-such-agent-" + NewConversationID()
	nowhere.CustomerOrgId = ""
	for _, probe := range []struct {
		what string
		m    *mediav1.VoiceVARequest
		want codes.Code
	}{
		{"an unknown virtual_agent_id", unknown, codes.NotFound},
		{"an empty conversation_id", nobody, codes.InvalidArgument},
		{"an empty customer_org_id", nowhere, codes.InvalidArgument},
	} {
		got, _ := p.send(probe.m, "")
		if unreached(got) {
			continue
		}
		f.expect(got.Code() == probe.want, 0, 0, "want %v for %s, got %v %q", probe.want, probe.what, got.Code(), got.Message())
		if got.Code() == codes.OK && probe.m.ConversationId != "" {
			p.end(probe.m.ConversationId)
		}
	}
}

// probeAgentChange only warns: the documents leave it to the server.
func probeAgentChange(p *prober, f *report) {
	conversation := NewConversationID()
	if got, _ := p.send(p.request(conversation, mediav1.EventInput_SESSION_START), ""); got.Code() != codes.OK {
		return // seen by the calls
	}
	defer p.end(conversation)
	other := p.request(conversation, mediav1.EventInput_NO_INPUT)
	other.VirtualAgentId = "no-such-agent-" + NewConversationID()
	got, _ := p.send(other, "")
	if got.Code() == codes.OK {
		f.warn(0, 0, "another virtual_agent_id in the same conversation was taken without an error")
		return
	}
	f.kept(0, 0)
}

func probeStrangeEnd(p *prober, f *report) {
	got, said := p.send(p.request(NewConversationID(), mediav1.EventInput_SESSION_END), "")
	switch {
	case unreached(got):
	case got.Code() != codes.OK:
		f.broken(0, 0, "want SESSION_END of an unknown conversation completed with OK, got %v %q", got.Code(), got.Message())
	default:
		prompts := 0
		for _, m := range said {
			prompts += len(m.GetPrompts())
		}
		f.expect(prompts == 0, 0, 0, "want no prompts to SESSION_END of an unknown conversation, got %d", prompts)
	}
}

// probeToken says nothing of a server that is called without a token: it may
// not ask for one.
func probeToken(p *prober, f *report) {
	if p.o.Token == nil {
		return
	}
	conversation := NewConversationID()
	got, _ := p.send(p.request(conversation, mediav1.EventInput_SESSION_START), "not.a.token")
	if unreached(got) {
		return
	}
	f.expect(got.Code() == codes.Unauthenticated, 0, 0, "want Unauthenticated for a token that is none, got %v %q", got.Code(), got.Message())
	if got.Code() == codes.OK {
		p.end(conversation)
	}
}

func probeList(p *prober, f *report) {
	ctx, cancel, err := p.context("")
	if err != nil {
		return // seen by the calls
	}
	defer cancel()
	list, err := mediav1.NewVoiceVirtualAgentClient(p.conn).ListVirtualAgents(ctx, &mediav1.ListVARequest{CustomerOrgId: p.o.Org})
	switch got := status.Convert(err); {
	case unreached(got):
		return
	case got.Code() != codes.OK:
		f.broken(0, 0, "want ListVirtualAgents answered with OK, got %v %q", got.Code(), got.Message())
		return
	}
	seen, defaults := map[string]bool{}, 0
	for _, a := range list.GetVirtualAgents() {
		id := a.GetVirtualAgentId()
		f.expect(id != "" && !seen[id] && a.GetVirtualAgentName() != "", 0, 0, "want an id of its own and a name for each virtual agent, got id %q and name %q", id, a.GetVirtualAgentName())
		seen[id] = true
		if a.GetIsDefault() {
			defaults++
		}
	}
	f.expect(defaults == 1, 0, 0, "want one default of the virtual agents, got %d of %d", defaults, len(list.GetVirtualAgents()))
}

// probeHealth is content with one of the two health services.
func probeHealth(p *prober, f *report) {
	ctx, cancel := context.WithTimeout(p.ctx, probeLimit)
	defer cancel()
	common, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if unreached(status.Convert(err)) {
		return
	}
	cisco, ciscoErr := healthv1.NewHealthClient(p.conn).Check(ctx, &healthv1.HealthCheckRequest{})
	serves := common.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING || cisco.GetStatus() == healthv1.HealthCheckResponse_SERVING
	f.expect(serves, 0, 0, "want SERVING from a health service, got %v %v and from Cisco's %v %v",
		common.GetStatus(), status.Code(err), cisco.GetStatus(), status.Code(ciscoErr))
}
