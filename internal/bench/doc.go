// Bench measures what the plugin hop costs. Each of 64 calls keeps eight
// 160-byte frames under way on one open RPC, and each frame comes back at once
// as a CHUNK, from
//
//   - a bare gRPC handler,
//   - a handler in the host, behind the session engine,
//   - the same handler in a plugin process, behind the same engine.
//
// The three take turns within one run, so that what else the machine does
// touches them alike; only the ratios mean something. Audio is counted in
// frames of 160 bytes, because waiting audio is merged. Each figure is a line
//
//	RESULT name value unit
//
// Speech detection and token checks are off in all of them.
package main
