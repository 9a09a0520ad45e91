package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// Errors of verification.
var (
	// ErrUnauthenticated is a caller whose token does not count.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrPermissionDenied is a token that counts, for another organisation.
	ErrPermissionDenied = errors.New("permission denied")
)

// Verifier checks the token of an RPC, as Webex presents it, and tells what it
// allows. An error of it ends the RPC as UNAUTHENTICATED; why is for the log alone.
type Verifier interface {
	Verify(ctx context.Context, token string) (Permit, error)
}

// Permit tells whether a verified token allows to speak for an organisation, whose
// id is in the form of the request.
type Permit func(org string) error

// forgedLines are the refusals of tokens that are logged at once; then comes one a
// second. The metrics have them all.
const forgedLines = 100

// worthALine tells whether a refusal is to be logged: anybody can send tokens that do
// not count, as many as they like.
func (v *virtualAgent) worthALine(err error) bool {
	return !errors.Is(err, ErrUnauthenticated) || v.forged.Allow()
}

// everybody is the permit where tokens are not verified.
func everybody(string) error { return nil }

type permitKey struct{}

// verifyStream holds each call's RPC to its token before anything of it is read.
func (v *virtualAgent) verifyStream(srv any, st grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if !guarded(info.FullMethod) {
		return next(srv, st)
	}
	ctx, err := v.verify(st.Context())
	if err != nil {
		return v.refuse(st.Context(), nil, err)
	}
	return next(srv, &verifiedStream{st, ctx})
}

// verifyUnary does the same for the other RPCs.
func (v *virtualAgent) verifyUnary(ctx context.Context, q any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !guarded(info.FullMethod) {
		return next(ctx, q)
	}
	verified, err := v.verify(ctx)
	if err != nil {
		return nil, v.refuse(ctx, nil, err)
	}
	return next(verified, q)
}

// guarded tells whether a method wants a token: health and reflection do not.
func guarded(method string) bool {
	return strings.HasPrefix(method, "/"+mediav1.VoiceVirtualAgent_ServiceDesc.ServiceName+"/")
}

func (v *virtualAgent) verify(ctx context.Context) (context.Context, error) {
	permit := Permit(everybody)
	if v.verifier != nil {
		token, err := bearer(ctx)
		if err == nil {
			permit, err = v.verifier.Verify(ctx, token)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
		}
	}
	return context.WithValue(ctx, permitKey{}, permit), nil
}

// permit holds a request's organisation to the token of its RPC.
func permit(ctx context.Context, org string) error {
	allows, _ := ctx.Value(permitKey{}).(Permit)
	if allows == nil {
		return ErrUnauthenticated // an RPC that no interceptor has seen
	}
	if err := allows(org); err != nil {
		return fmt.Errorf("%w: %w", ErrPermissionDenied, err)
	}
	return nil
}

// bearer finds the token of an RPC. Webex's documents have it behind "Bearer", its
// samples without it as well. None gives none: the verifier refuses it. More than one
// could be read one way here and another way there.
func bearer(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", fmt.Errorf("%d tokens", len(values))
	}
	scheme, token, two := strings.Cut(values[0], " ")
	if !two {
		return scheme, nil
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errors.New("a scheme that is not Bearer")
	}
	return token, nil
}

// verifiedStream is one whose context has a permit.
type verifiedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *verifiedStream) Context() context.Context { return s.ctx }
