package rpc

import (
	"context"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	ccaiv1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/v1"
)

// ciscoHealth answers Cisco's health check with what the standard one says.
type ciscoHealth struct {
	ccaiv1.UnimplementedHealthServer
	standard healthv1.HealthServer
}

func (h *ciscoHealth) Check(ctx context.Context, q *ccaiv1.HealthCheckRequest) (*ccaiv1.HealthCheckResponse, error) {
	r, err := h.standard.Check(ctx, &healthv1.HealthCheckRequest{Service: q.GetService()})
	if err != nil {
		return nil, err
	}
	return toCisco(r), nil
}

func (h *ciscoHealth) Watch(q *ccaiv1.HealthCheckRequest, st grpc.ServerStreamingServer[ccaiv1.HealthCheckResponse]) error {
	return h.standard.Watch(&healthv1.HealthCheckRequest{Service: q.GetService()}, &watchStream{ServerStream: st, to: st})
}

// watchStream passes the standard service's news on in Cisco's type.
type watchStream struct {
	grpc.ServerStream
	to grpc.ServerStreamingServer[ccaiv1.HealthCheckResponse]
}

func (w *watchStream) Send(r *healthv1.HealthCheckResponse) error { return w.to.Send(toCisco(r)) }

func toCisco(r *healthv1.HealthCheckResponse) *ccaiv1.HealthCheckResponse {
	to := map[healthv1.HealthCheckResponse_ServingStatus]ccaiv1.HealthCheckResponse_ServingStatus{
		healthv1.HealthCheckResponse_SERVING:     ccaiv1.HealthCheckResponse_SERVING,
		healthv1.HealthCheckResponse_NOT_SERVING: ccaiv1.HealthCheckResponse_NOT_SERVING,
	}
	return &ccaiv1.HealthCheckResponse{Status: to[r.GetStatus()]} // Cisco's enum has no SERVICE_UNKNOWN
}
