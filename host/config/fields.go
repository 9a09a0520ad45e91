package config

import (
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/host/certs"
)

var levels = word(
	named[hclog.Level]{"trace", hclog.Trace}, named[hclog.Level]{"debug", hclog.Debug}, named[hclog.Level]{"info", hclog.Info},
	named[hclog.Level]{"warn", hclog.Warn}, named[hclog.Level]{"error", hclog.Error},
)

// fields are the keys of the file, but for those of calls, agents and plugins.
var fields = slices.Concat(hostFields, speechFields, byodsFields, sections)

// sections have tables of their own.
var sections = []field[Config]{
	{"calls", callsBinding{}, "How calls are treated."},
	{"agents", agentsBinding{}, "Agents whose calls are treated otherwise."},
	{"plugins", pluginsBinding{}, "The programs that answer calls."},
}

// hostFields are those of the host itself.
var hostFields = []field[Config]{
	{"listen", bind(text("address", checkAddress), func(c *Config) *string { return &c.Listen }),
		"Where Webex calls, as host:port. Port 0 takes a free one."},
	{"admin", bind(text("address", checkAdmin), func(c *Config) *string { return &c.Admin }),
		"Where the admin API answers: unix:///path, or a host:port of this machine. Unset: a private socket."},
	{"shutdown_timeout", bind(duration(0, 24*time.Hour, orZero), func(c *Config) *time.Duration { return &c.Shutdown }),
		"How long live calls may go on after the host was told to stop. 0s cuts them at once."},
	{"verify_tokens", bind(boolean(), func(c *Config) *bool { return &c.VerifyTokens }),
		"Check the token that Webex presents with each RPC. False lets everybody in who reaches the port."},
	{"log.level", bind(levels, func(c *Config) *hclog.Level { return &c.Log.Level }),
		"The least level that is logged."},
	{"log.json", bind(boolean(), func(c *Config) *bool { return &c.Log.JSON }),
		"Log one JSON object a line."},
	{"tls.cert", bind(path("PEM file", checkFile), func(c *Config) *string { return &c.TLS.Cert }),
		"The server's certificate and the chain behind it. Unset: no TLS. Read again when it changes."},
	{"tls.key", bind(path("PEM file", checkFile), func(c *Config) *string { return &c.TLS.Key }),
		"The private key of the certificate, without a passphrase. Read again when it changes."},
	{"tls.client_ca", bind(path("PEM file", checkFile), func(c *Config) *string { return &c.TLS.ClientCA }),
		"Certificates of those who sign clients' certificates: a client must then present one (mutual TLS). Read again when it changes."},
	{"tls.client_names", bind(names, func(c *Config) *[]certs.Name { return &c.TLS.ClientNames }),
		"Which of these clients are let in: host.example.com, *.example.com for all names below it (DNS name or common name), " +
			"or O=Example Inc. for an organisation. One match is enough. Unset: all."},
	{"reflection", bind(boolean(), func(c *Config) *bool { return &c.Reflection }),
		"Answer gRPC reflection, so that tools like grpcurl can list the services. It asks for no token."},
	{"ping.listen", bind(text("address", checkAddress), func(c *Config) *string { return &c.Ping.Listen }),
		"Where GET /SERVICE/v1/ping answers over HTTP, without a token. Unset: nowhere."},
	{"ping.service", bind(text("name", checkService), func(c *Config) *string { return &c.Ping.Service }),
		"The service's name in the path and the answer of the ping."},
	{"ping.tls", bind(boolean(), func(c *Config) *bool { return &c.Ping.TLS }),
		"Answer the ping over HTTPS, with the certificate of tls.cert. No client is asked for one."},
	{"limits.sessions", bind(number(0, 1_000_000), func(c *Config) *int { return &c.Limits.Sessions }),
		"Most calls at a time. More get RESOURCE_EXHAUSTED. 0: no limit."},
	{"limits.idle", bind(duration(10*time.Second, 24*time.Hour, notZero), func(c *Config) *time.Duration { return &c.Limits.Idle }),
		"How long a call is kept of which nothing is heard."},
	{"limits.cancel_grace", bind(duration(100*time.Millisecond, 10*time.Minute, notZero), func(c *Config) *time.Duration { return &c.Limits.CancelGrace }),
		"How long a call is kept after its last RPC was cancelled."},
	{"limits.custom_return", bind(duration(time.Second, 24*time.Hour, notZero), func(c *Config) *time.Duration { return &c.Limits.CustomReturn }),
		"How long a call is kept after a custom event, for the flow to bring it back."},
	{"unknown_calls", bind(word(named[UnknownCalls]{"resume", Resume}, named[UnknownCalls]{"reject", Reject}), func(c *Config) *UnknownCalls { return &c.Unknown }),
		"What becomes of a call that the host has not seen begin, as after a restart: the bot goes on with it, or it is refused."},
	{"plugin_lock", bind(path("file", checkLock), func(c *Config) *string { return &c.PluginLock }),
		"A file that keeps the SHA-256 of each plugin's program: one that has changed is not started, and a swap writes the new sum. Unset: none."},
	{"plugin_dir", bind(path("directory", checkDirectory), func(c *Config) *string { return &c.PluginDir }),
		"Where the copies of the programs are kept that run. Programs must be executable there. Unset: in the runtime directory."},
}

// callsBinding reads the section calls.
type callsBinding struct{}

func (callsBinding) kind() string      { return "section" }
func (callsBinding) value(*Config) any { return nil }
func (callsBinding) read(r *reader, n *yaml.Node, key string, to *Config) {
	section(r, n, key, "", callFields, &to.Calls)
}

// agentsBinding reads the section agents, when it is known what is inherited.
type agentsBinding struct{}

func (agentsBinding) kind() string      { return "section" }
func (agentsBinding) value(*Config) any { return nil }
func (agentsBinding) read(r *reader, n *yaml.Node, key string, to *Config) {
	r.later = append(r.later, func() {
		to.Agents = map[string]Calls{}
		for _, p := range r.pairs(n, key) {
			if err := plainText(256)(p.key.Value); err != nil {
				r.wrong(p.key, key, "the id of an agent %v", err)
				continue
			}
			own := to.Calls
			section(r, p.value, join(key, p.key.Value), "", callFields, &own)
			to.Agents[p.key.Value] = own
		}
	})
}

// pluginsBinding reads the section plugins, in the order of the file.
type pluginsBinding struct{}

func (pluginsBinding) kind() string      { return "section" }
func (pluginsBinding) value(*Config) any { return nil }
func (pluginsBinding) read(r *reader, n *yaml.Node, key string, to *Config) {
	for _, p := range r.pairs(n, key) {
		name, full := p.key.Value, join(key, p.key.Value)
		if !pluginName.MatchString(name) {
			r.wrong(p.key, full, "is no name of a plugin: use letters, digits, - _ and ., 64 at most")
			continue
		}
		plugin := DefaultPlugin(name, "")
		section(r, p.value, full, "", pluginFields, &plugin)
		if plugin.Path == "" && !has(p.value, "path") {
			r.wrong(p.key, full, "has no path: name the program to run with path")
		}
		to.Plugins = append(slices.Clip(to.Plugins), plugin)
	}
}

// has reports whether a mapping has a key.
func has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}
