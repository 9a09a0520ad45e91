package wire

import (
	"context"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

const (
	// CookieKey names the variable that tells a plugin that a host started it.
	// It keeps a person from running it by hand and is no secret.
	CookieKey = "BYOVA_PLUGIN"
	// CookieValue is what the variable holds.
	CookieValue = "8f1c2d0a5b7e4c13"

	// Version is the version of the wire that this tree speaks.
	Version = 1

	// SetName is the one entry of the plugin set.
	SetName = "bot"

	// ClientCertEnv carries the host's certificate to the plugin, in PEM. The
	// plugin takes calls from nobody else.
	ClientCertEnv = "PLUGIN_CLIENT_CERT"

	// PathEnv carries the absolute path of the file that the operator named: what
	// runs is a copy of it, which has nothing beside it.
	PathEnv = "BYOVA_PLUGIN_PATH"

	// NameEnv carries the name that the host knows the plugin by. It stays the same
	// when another program takes its place.
	NameEnv = "BYOVA_PLUGIN_NAME"

	// ListenEnv has a plugin that is run by hand serve at an address, unix:///path,
	// so that it can run under a debugger.
	ListenEnv = "BYOVA_PLUGIN_LISTEN"

	// Window is the flow control window of a stream and of the connection. All
	// calls share one stream, so the default of 64 KiB would stop them all
	// while one batch is on its way.
	Window = 1 << 20

	// MaxMessage is the largest message that either end accepts.
	MaxMessage = 1 << 20

	// MaxControl is the largest event or command without audio, in bytes: with
	// a full batch around it, it still fits into a message. A larger one is
	// its call's failure, since it would end the stream of all calls.
	MaxControl = MaxMessage - 128<<10

	// MaxAudio is the most audio one event or command carries, in bytes.
	MaxAudio = 64 << 10
)

// Handshake returns what go-plugin compares first.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// Plugins returns the plugin sets by version of the wire. Server is nil on the
// host's end.
func Plugins(server pluginv1.PluginServer) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{Version: {SetName: &bot{server: server}}}
}

// bot ties our service to go-plugin, which only needs to register it and to
// make its client.
type bot struct {
	goplugin.NetRPCUnsupportedPlugin
	server pluginv1.PluginServer
}

func (b *bot) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, b.server)
	return nil
}

func (b *bot) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return pluginv1.NewPluginClient(c), nil
}
