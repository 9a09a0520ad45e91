// Echo-byova is a bot that speaks byova-json, for trying wsproxy out. Docs/wsproxy.md
// describes the protocol.
package main
