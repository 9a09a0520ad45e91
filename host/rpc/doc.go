// Package rpc is the gRPC wire adapter: it serves Webex's voice virtual agent
// and both health services, turns their messages into the vocabulary of
// host/session and back, and is the only place where errors become gRPC codes.
//
// Each RPC has two goroutines: the handler, which alone sends, and a receiver,
// which gRPC ends when the handler has returned.
package rpc
