package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// maxRequest bounds one request, in bytes. Webex sends well under a kilobyte at
// a time; this leaves room for a caller's whole minute at once.
const maxRequest = 4 << 20

// window is the flow control window of a connection and of each RPC.
const window = 1 << 20

// Server is the gRPC server that Webex calls.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
}

// Options say what a server offers beside calls. The zero value is a server
// without TLS and without reflection.
type Options struct {
	TLS        *tls.Config // nil: none
	Reflection bool        // answer gRPC reflection, v1 and v1alpha
	Verifier   Verifier    // of the tokens of calls; nil: everybody may call
}

// NewServer makes a server with the zero Options.
func NewServer(sessions *session.Sessions, log hclog.Logger) *Server {
	return Options{}.NewServer(sessions, log)
}

// NewServer makes a server that hands calls to sessions.
func (o Options) NewServer(sessions *session.Sessions, log hclog.Logger) *Server {
	s := &Server{health: health.NewServer()}
	agent := &virtualAgent{sessions: sessions, log: log, verifier: o.Verifier, forged: rate.NewLimiter(1, forgedLines)}
	s.grpc = grpc.NewServer(
		grpc.Creds(o.credentials(log)),
		grpc.StreamInterceptor(agent.verifyStream),
		grpc.UnaryInterceptor(agent.verifyUnary),
		grpc.InTapHandle(takeTicket(sessions)),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.InitialConnWindowSize(window),
		grpc.InitialWindowSize(window),
		// A peer that vanished without a word must not hold its calls.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: 5 * time.Second, PermitWithoutStream: true, // Webex's policy is not published: be lenient
		}),
	)
	mediav1.RegisterVoiceVirtualAgentServer(s.grpc, agent)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	ccaiv1.RegisterHealthServer(s.grpc, &ciscoHealth{standard: s.health})
	if o.Reflection {
		reflection.Register(s.grpc)
	}
	s.health.SetServingStatus(mediav1.VoiceVirtualAgent_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	return s
}

// Serve answers on a listener until Stop; the error is nil after that.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC on %v: %w", l.Addr(), err)
	}
	return nil
}

// Drain makes both health services say NOT_SERVING. RPCs are still answered:
// each turn of a live call is a new one.
func (s *Server) Drain() { s.health.Shutdown() }

// Stop lets RPCs end until ctx does, then cuts them, and waits for their handlers.
func (s *Server) Stop(ctx context.Context) {
	var graceful sync.WaitGroup
	ended := make(chan struct{})
	graceful.Go(func() {
		defer close(ended)
		s.grpc.GracefulStop()
	})
	select {
	case <-ended:
	case <-ctx.Done():
		s.grpc.Stop() // ends GracefulStop, too
	}
	graceful.Wait()
}

type ticketKey struct{}

// takeTicket notes in which order RPCs begin. The tap runs in the connection's
// reader; handlers have goroutines of their own and may start in another order.
func takeTicket(sessions *session.Sessions) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if info.FullMethodName != mediav1.VoiceVirtualAgent_ProcessCallerInput_FullMethodName {
			return ctx, nil
		}
		ticket := sessions.Begin()
		context.AfterFunc(ctx, ticket.Close) // for an RPC that never reaches its handler
		return context.WithValue(ctx, ticketKey{}, ticket), nil
	}
}

type virtualAgent struct {
	mediav1.UnimplementedVoiceVirtualAgentServer
	sessions *session.Sessions
	log      hclog.Logger
	verifier Verifier      // nil: everybody may call
	forged   *rate.Limiter // of lines in the log, for what anybody can send
}

type stream = grpc.BidiStreamingServer[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]

// ProcessCallerInput is one RPC of a call. The call outlives it, and two of
// them may overlap.
func (v *virtualAgent) ProcessCallerInput(st stream) error {
	ctx := st.Context()
	first, err := st.Recv()
	if err != nil {
		return v.refuse(ctx, first, receiveError(err))
	}
	request, err := fromRequest(first)
	if err != nil {
		return v.refuse(ctx, first, err)
	}
	if err := permit(ctx, first.GetCustomerOrgId()); err != nil {
		return v.refuse(ctx, first, err)
	}
	request.Tracking = trackingID(ctx)
	ticket := ctx.Value(ticketKey{}).(*session.Ticket)
	rpc, err := v.sessions.Join(ctx, ticket, request)
	if err != nil {
		return v.refuse(ctx, first, err)
	}
	go receive(st, rpc) // ends when this handler has returned: gRPC then fails Recv
	var c chunk         // of each response in turn: SendMsg keeps nothing of it
	for r := range rpc.Responses(ctx) {
		if err := st.SendMsg(c.toMessage(r)); err != nil {
			return toStatus(fmt.Errorf("send response: %w", err))
		}
	}
	if err := rpc.Err(); err != nil {
		return v.refuse(ctx, first, err)
	}
	return nil
}

// trackingID is Webex's name for an RPC, for the log: what fits into a line of it.
func trackingID(ctx context.Context) string {
	const most = 256
	for _, id := range metadata.ValueFromIncomingContext(ctx, "trackingid") {
		return strings.ToValidUTF8(id[:min(len(id), most)], "")
	}
	return ""
}

// refuse says in the log why an RPC ends with an error, and in fewer words to
// the caller.
func (v *virtualAgent) refuse(ctx context.Context, first *mediav1.VoiceVARequest, err error) error {
	refusal := toStatus(err)
	if !v.worthALine(err) {
		return refusal
	}
	if status.Code(refusal) != codes.Canceled { // the caller's own doing
		v.log.Warn("RPC refused", "conversation", first.GetConversationId(), "org", first.GetCustomerOrgId(),
			"trackingid", trackingID(ctx), "error", err)
	}
	return refusal
}

// receive feeds the session until no more requests come.
func receive(st stream, rpc *session.RPC) {
	var m message
	for {
		err := st.RecvMsg(&m)
		if errors.Is(err, io.EOF) {
			rpc.HalfClose()
			return
		}
		if err != nil {
			rpc.Break(err)
			return
		}
		request, err := m.toSession()
		if err != nil {
			rpc.Break(err)
			return
		}
		if err := rpc.Receive(st.Context(), request); err != nil {
			rpc.Break(err)
			return
		}
	}
}

// receiveError says what was wrong when no request could be read. A request that
// is too large gRPC itself has refused already, naming both sizes.
func receiveError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the RPC ended without a request", session.ErrBadRequest)
	}
	return err
}

// ListVirtualAgents tells an administrator what can be chosen.
func (v *virtualAgent) ListVirtualAgents(ctx context.Context, q *mediav1.ListVARequest) (*mediav1.ListVAResponse, error) {
	if q.GetCustomerOrgId() == "" {
		return nil, toStatus(fmt.Errorf("%w: no customer_org_id", session.ErrBadRequest))
	}
	agents, err := v.agentsOf(ctx, q.GetCustomerOrgId())
	if err != nil {
		v.log.Warn("agents not listed", "org", q.GetCustomerOrgId(), "error", err)
		return nil, toStatus(err)
	}
	list := &mediav1.ListVAResponse{}
	for _, a := range agents {
		list.VirtualAgents = append(list.VirtualAgents, &mediav1.VirtualAgentInfo{
			VirtualAgentId: a.ID, VirtualAgentName: a.Name, Attributes: a.Attributes, IsDefault: a.Default,
		})
	}
	return list, nil
}

// agentsOf lists the agents of an organisation to who may ask for it.
func (v *virtualAgent) agentsOf(ctx context.Context, org string) ([]session.AgentInfo, error) {
	if err := permit(ctx, org); err != nil {
		return nil, err
	}
	return v.sessions.List(ctx, org)
}

// toStatus is the only place where our errors become gRPC codes.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	codeOf := []struct {
		err  error
		code codes.Code
	}{
		{session.ErrBadRequest, codes.InvalidArgument},
		{session.ErrAgentChanged, codes.InvalidArgument},
		{session.ErrUnknownAgent, codes.NotFound},
		{session.ErrFull, codes.ResourceExhausted},
		{session.ErrTooManyRPCs, codes.ResourceExhausted},
		{session.ErrNoSession, codes.FailedPrecondition},
		{session.ErrBotFailed, codes.Internal},
		{session.ErrDraining, codes.Unavailable},
		{session.ErrStopped, codes.Unavailable},
		{context.Canceled, codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
	}
	if errors.Is(err, session.ErrAgentUnavailable) { // why is nobody's business outside
		return status.Error(codes.Unavailable, session.ErrAgentUnavailable.Error()+": try again or choose another")
	}
	for _, refusal := range []struct {
		err  error
		code codes.Code
	}{{ErrUnauthenticated, codes.Unauthenticated}, {ErrPermissionDenied, codes.PermissionDenied}} {
		if errors.Is(err, refusal.err) { // and a forger learns nothing more
			return status.Error(refusal.code, refusal.err.Error())
		}
	}
	for _, known := range codeOf {
		if errors.Is(err, known.err) {
			return status.Error(known.code, err.Error())
		}
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.Error(codes.Internal, "internal error") // the log has the details
}
