package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// settings are the plugin's section of the host's configuration. Where a key has a
// secret, "key_file" names a file with it instead: the host reads that.
type settings struct {
	Adapter    string            `json:"adapter"`
	Options    map[string]any    `json:"options"` // of the adapter
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers"`
	Query      map[string]string `json:"query"`
	TLS        tlsSettings       `json:"tls"`
	Parameters map[string]string `json:"parameters"` // told to the backend with each call
	Agents     []agent           `json:"agents"`

	Speech          string   `json:"speech"`   // host or backend
	OnClose         string   `json:"on_close"` // end, transfer or fallback
	GreetingTimeout duration `json:"greeting_timeout"`
	AnswerTimeout   duration `json:"answer_timeout"`
	MaxUnanswered   int      `json:"max_unanswered"`
	Quiet           duration `json:"quiet"`
	QuietLevel      float64  `json:"quiet_level"`
	Lead            duration `json:"lead"`
	MaxAnswer       duration `json:"max_answer"`

	ConnectTimeout   duration `json:"connect_timeout"`
	ReconnectWithin  duration `json:"reconnect_within"`
	Ping             duration `json:"ping"`
	IdleTimeout      duration `json:"idle_timeout"`
	MaxMessage       int64    `json:"max_message"`
	MaxConnections   int      `json:"max_connections"`
	SpareConnections int      `json:"spare_connections"`
	Buffer           duration `json:"buffer"`
	Overflow         string   `json:"overflow"` // disconnect or drop_oldest

	backend adapter.Backend
	url     *url.URL
	tls     *tls.Config
}

type agent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// tlsSettings are PEM, which "ca_file" and the like name files of.
type tlsSettings struct {
	CA         string `json:"ca"`
	Cert       string `json:"cert"`
	Key        string `json:"key"`
	ServerName string `json:"server_name"`
}

// duration is written like 1.5s or 200ms.
type duration time.Duration

func (d *duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return &json.UnmarshalTypeError{Value: "value without a unit", Type: reflect.TypeFor[time.Duration]()}
	}
	value, err := time.ParseDuration(s)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "text that is no time", Type: reflect.TypeFor[time.Duration]()}
	}
	*d = duration(value)
	return nil
}

func defaults() settings {
	return settings{
		OnClose:         "end",
		GreetingTimeout: duration(4 * time.Second), AnswerTimeout: duration(10 * time.Second), MaxUnanswered: 3,
		Quiet: duration(600 * time.Millisecond), Lead: duration(200 * time.Millisecond), MaxAnswer: duration(10 * time.Minute),
		ConnectTimeout: duration(5 * time.Second), ReconnectWithin: duration(10 * time.Second),
		Ping: duration(15 * time.Second), IdleTimeout: duration(40 * time.Second),
		MaxMessage: 16 << 20, Buffer: duration(3 * time.Second), Overflow: "disconnect",
	}
}

// readSettings decodes and checks the settings. It says all that is wrong at once.
func readSettings(given plugin.Settings) (*settings, error) {
	s := defaults()
	if err := given.Decode(&s); err != nil {
		return nil, err
	}
	return &s, errors.Join(s.checkBackend(), s.checkURL(), s.checkTLS(), s.checkChoices(), s.checkRanges(), s.checkAgents())
}

func wrong(field, format string, args ...any) error {
	return &plugin.FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
}

func (s *settings) checkBackend() error {
	if s.Adapter == "" {
		return wrong("adapter", "is missing: want %s", strings.Join(adapter.Names(), ", "))
	}
	backend, err := adapter.New(s.Adapter)
	if err != nil {
		return wrong("adapter", "%v", err)
	}
	s.backend = backend
	text, err := json.Marshal(s.Options)
	if err != nil {
		return wrong("options", "%v", err)
	}
	if err := decodeOptions(text, backend); err != nil {
		return err
	}
	return backend.Check()
}

// decodeOptions is strict, as the host is with keys that it does not know.
func decodeOptions(text []byte, into any) error {
	if string(text) == "null" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong("options."+bad.Field, "is a %s, must be a %v", bad.Value, bad.Type)
	}
	if err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return wrong("options."+strings.Trim(field, `"`), "is no option of this adapter")
		}
		return wrong("options", "%v", err)
	}
	return nil
}

func (s *settings) checkURL() error {
	text := s.URL
	if text == "" && s.backend != nil {
		text = s.backend.Traits().URL
	}
	if text == "" {
		return wrong("url", "is missing: where is the backend? For example wss://bot.example.com/ws")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return wrong("url", "is no URL") // the error quotes it, and it may have a secret
	case u.Scheme != "ws" && u.Scheme != "wss":
		return wrong("url", "begins with %q: want ws:// or wss://", u.Scheme+"://")
	case u.Host == "":
		return wrong("url", "names no host")
	case u.Fragment != "":
		return wrong("url", "has a fragment, which no server sees: remove it")
	case u.User != nil:
		return wrong("url", "has a password in it: use headers, with Authorization")
	}
	query := u.Query()
	for name, value := range s.Query {
		query.Set(name, value)
	}
	if len(s.Query) > 0 {
		u.RawQuery = query.Encode()
	}
	s.url = u
	return s.checkHeaders()
}

// handshake are headers that belong to the WebSocket itself.
var handshake = map[string]bool{
	"Upgrade": true, "Connection": true, "Sec-Websocket-Key": true, "Sec-Websocket-Version": true,
	"Sec-Websocket-Extensions": true, "Sec-Websocket-Protocol": true,
}

func (s *settings) checkHeaders() (err error) {
	for name, value := range s.Headers {
		switch {
		case handshake[http.CanonicalHeaderKey(name)]:
			err = errors.Join(err, wrong("headers."+name, "is the WebSocket's own: remove it"))
		case name == "" || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(value, "\r\n"):
			err = errors.Join(err, wrong("headers."+name, "is no header that can be sent"))
		}
	}
	return err
}

func (s *settings) checkTLS() error {
	t := s.TLS
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return wrong("tls.ca", "has no certificate in PEM")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return wrong("tls", "cert and key go together: set both or none")
	}
	if t.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return wrong("tls.cert", "%v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	s.tls = config
	return nil
}

func (s *settings) checkChoices() error {
	err := errors.Join(
		oneOf("on_close", s.OnClose, "end", "transfer", "fallback"),
		oneOf("overflow", s.Overflow, "disconnect", "drop_oldest"),
	)
	if s.Speech != "" {
		err = errors.Join(err, oneOf("speech", s.Speech, "host", "backend"))
	}
	if s.Speech == "backend" && s.backend != nil && s.backend.Traits().Detects == adapter.Never {
		err = errors.Join(err, wrong("speech", "is backend, but %s reports no speech: leave it out", s.Adapter))
	}
	return err
}

func oneOf(field, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return wrong(field, "is %q: want %s", value, strings.Join(choices, " or "))
}

func (s *settings) checkRanges() (err error) {
	for _, d := range []struct {
		field    string
		value    duration
		min, max time.Duration
	}{
		{"greeting_timeout", s.GreetingTimeout, 0, 25 * time.Second},
		{"answer_timeout", s.AnswerTimeout, 100 * time.Millisecond, 25 * time.Second}, // the host waits for 30 s
		{"quiet", s.Quiet, 40 * time.Millisecond, 10 * time.Second},
		{"lead", s.Lead, 20 * time.Millisecond, 5 * time.Second},
		{"max_answer", s.MaxAnswer, time.Second, time.Hour},
		{"connect_timeout", s.ConnectTimeout, 100 * time.Millisecond, 25 * time.Second},
		{"reconnect_within", s.ReconnectWithin, 0, 25 * time.Second},
		{"ping", s.Ping, 100 * time.Millisecond, 10 * time.Minute},
		{"idle_timeout", s.IdleTimeout, 200 * time.Millisecond, time.Hour},
		{"buffer", s.Buffer, 100 * time.Millisecond, time.Minute},
	} {
		if v := time.Duration(d.value); v < d.min || v > d.max {
			err = errors.Join(err, wrong(d.field, "is %v: want %v to %v", v, d.min, d.max))
		}
	}
	if s.IdleTimeout <= s.Ping {
		err = errors.Join(err, wrong("idle_timeout", "is %v, not more than ping, whose answer it waits for", time.Duration(s.IdleTimeout)))
	}
	for _, n := range []struct {
		field           string
		value, min, max int64
	}{
		{"max_message", s.MaxMessage, 1 << 10, 256 << 20},
		{"max_unanswered", int64(s.MaxUnanswered), 0, 1000},
		{"max_connections", int64(s.MaxConnections), 0, 1 << 20},
		{"spare_connections", int64(s.SpareConnections), 0, 100},
	} {
		if n.value < n.min || n.value > n.max {
			err = errors.Join(err, wrong(n.field, "is %d: want %d to %d", n.value, n.min, n.max))
		}
	}
	if s.QuietLevel > 0 || s.QuietLevel < -90 {
		err = errors.Join(err, wrong("quiet_level", "is %v dB: want -90 to -1, or 0 for none", s.QuietLevel))
	}
	return err
}

func (s *settings) checkAgents() (err error) {
	seen := map[string]bool{}
	for i, a := range s.Agents {
		field := fmt.Sprintf("agents[%d].id", i)
		switch {
		case a.ID == "":
			err = errors.Join(err, wrong(field, "is missing"))
		case seen[a.ID]:
			err = errors.Join(err, wrong(field, "stands twice"))
		}
		seen[a.ID] = true
	}
	return err
}

// agents are what the host offers. With none, one that is called like the plugin.
func (s *settings) agents() []plugin.Agent {
	if len(s.Agents) == 0 {
		return []plugin.Agent{{ID: "wsproxy"}}
	}
	all := make([]plugin.Agent, len(s.Agents))
	for i, a := range s.Agents {
		all[i] = plugin.Agent{ID: a.ID, Name: a.Name}
	}
	return all
}

// detects says whether the backend's reports of speech count.
func (s *settings) detects() bool {
	if s.Speech != "" {
		return s.Speech == "backend"
	}
	return s.backend.Traits().Detects == adapter.Always
}
