// Package proto holds the contracts of byova-host and, nowhere else, the code
// generated from them.
//
//   - com/cisco/wcc/ccai/media/v1: the voice virtual agent that Webex Contact
//     Center calls.
//   - com/cisco/wcc/ccai/v1: Cisco's health check. The standard one,
//     grpc.health.v1, comes from google.golang.org/grpc.
//   - byova/plugin/v1: the wire between the host and a bot plugin.
//
// The packages know only the wire. The host and the SDK have types of their own
// and convert at their borders.
package proto

//go:generate sh -c "cd .. && go run ./internal/protogen"
