// Package wire has what the two ends of the plugin wire must agree on and the
// proto cannot say: the handshake, the keys, and how each end queues its
// messages. The host's end is internal/pluginwire, the plugin's is sdk/plugin.
package wire
