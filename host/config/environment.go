package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// variable is a variable of the environment that stands above a key of the file.
type variable struct {
	name string
	key  string
	// read turns its value into what the file would say.
	read func(value string, c *Config) (string, error)
	form string // what it holds, when that is not what the file holds
}

// prefix is that of the variables of calls. Those of Webex's side have others.
const prefix = "WEBEX_MEDIA_"

var environment = []variable{
	{prefix + "HOST", "listen", func(v string, c *Config) (string, error) {
		_, port, err := net.SplitHostPort(c.Listen)
		return net.JoinHostPort(strings.Trim(v, "[]"), port), err
	}, "the host"},
	{prefix + "PORT", "listen", func(v string, c *Config) (string, error) {
		host, _, err := net.SplitHostPort(c.Listen)
		if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 65535 {
			return "", fmt.Errorf("%q is no port: set a number from 0 to 65535", v)
		}
		return net.JoinHostPort(host, v), err
	}, "the port"},
	{prefix + "TLS_CERT", "tls.cert", asIs, ""},
	{prefix + "TLS_KEY", "tls.key", asIs, ""},
	{prefix + "AUDIO_MODE", "calls.answers", oneOf("chunked", "chunks", "full", "wav"), "chunked or full"},
	{prefix + "INPUT_MODE", "calls.input.mode", oneOf("voice", "voice", "dtmf", "dtmf", "mixed", "voice_and_dtmf"), "voice, dtmf or mixed"},
	{prefix + "NO_INPUT_TIMEOUT", "calls.input.no_input", timeOf(time.Second), "seconds"},
	{prefix + "END_OF_INPUT_SILENCE_MS", "calls.endpointing.end_silence", timeOf(time.Millisecond), "milliseconds"},
	{prefix + "MAX_SESSION_DURATION", "calls.max_duration", func(v string, c *Config) (string, error) {
		if strings.EqualFold(v, "none") {
			return "0s", nil
		}
		return timeOf(time.Second)(v, c)
	}, "seconds, or none"},
	{prefix + "VERIFY_TOKENS", "verify_tokens", oneOf("1", "true", "true", "true", "yes", "true", "on", "true",
		"0", "false", "false", "false", "no", "false", "off", "false"), "1, true, yes, on; 0, false, no, off"},
	{prefix + "LOG_LEVEL", "log.level", oneOf("debug", "debug", "info", "info", "warning", "warn", "error", "error", "critical", "error"),
		"DEBUG, INFO, WARNING, ERROR or CRITICAL"},
	{"WEBEX_INTEGRATION_CLIENT_ID", "byods.integration.client_id", asIs, ""},
	{"WEBEX_INTEGRATION_CLIENT_SECRET", "byods.integration.client_secret", asIs, ""},
	{"WEBEX_INTEGRATION_REDIRECT_URI", "byods.integration.redirect_uri", asIs, ""},
	{"WEBEX_SA_CLIENT_ID", "byods.service_app.client_id", asIs, ""},
	{"WEBEX_SA_CLIENT_SECRET", "byods.service_app.client_secret", asIs, ""},
	{"WEBEX_WEBHOOK_TARGET_URL", "byods.webhook.url", asIs, ""},
	{"BYOVA_STORE", "byods.store.dir", asIs, ""},
	{"BYOVA_STORE_KEY", "byods.store.key", asIs, ""},
}

// instead says of variables with no equal meaning here what to use.
var instead = map[string]string{
	prefix + "TURN_DISCONNECT_TIMEOUT": "set calls.input.no_input for a caller who is silent, calls.answer.within for a bot that is",
	prefix + "SAMPLE_RATE":             "calls are heard at 8 kHz, and a plugin may play sound of any rate",
	prefix + "BARGE_IN_ENABLED":        "the plugin says of each prompt whether it may be interrupted; calls.greeting_barge_in holds for the greeting",
	prefix + "PROXY_":                  "bridges to other services are plugins, with settings of their own under plugins",
}

func asIs(value string, _ *Config) (string, error) { return value, nil }

// oneOf takes words in any case, each followed by what the file would say.
func oneOf(words ...string) func(string, *Config) (string, error) {
	return func(value string, _ *Config) (string, error) {
		var known []string
		for i := 0; i < len(words); i += 2 {
			if strings.EqualFold(words[i], value) {
				return words[i+1], nil
			}
			known = append(known, words[i])
		}
		return "", fmt.Errorf("%q is not known: set one of %s", value, strings.Join(known, ", "))
	}
}

// timeOf takes a number of units.
func timeOf(unit time.Duration) func(string, *Config) (string, error) {
	return func(value string, _ *Config) (string, error) {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !(n >= 0 && n < 1e12) {
			return "", fmt.Errorf("%q is no number of %s: set one without a unit", value, map[time.Duration]string{
				time.Second: "seconds", time.Millisecond: "milliseconds"}[unit])
		}
		return time.Duration(min(n*float64(unit), 1<<62)).String(), nil
	}
}

// readVariables reads what the environment says above the file.
func (r *reader) readVariables(c *Config) {
	for _, v := range environment {
		value := r.environ[v.name]
		if value == "" {
			continue // an empty variable is an unset one
		}
		r.variable = v.name
		text, err := v.read(value, c)
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
		if err != nil {
			r.wrong(n, v.key, "%v", err)
		} else {
			before := len(r.problems)
			r.readKey(n, v.key, c)
			r.where[v.key] = place{variable: v.name}
			for i := before; i < len(r.problems) && v.form != ""; i++ {
				r.problems[i].What += " (the variable holds " + v.form + ")" // what was said is in the form of the file
			}
		}
		r.variable = ""
	}
	r.warnOfOthers()
}

// readKey reads one field by its full name.
func (r *reader) readKey(n *yaml.Node, key string, c *Config) {
	if own, calls := strings.CutPrefix(key, "calls."); calls {
		for _, f := range callFields {
			if f.key == own {
				f.read(r, n, key, &c.Calls)
			}
		}
		return
	}
	for _, f := range fields {
		if f.key == key {
			f.read(r, n, key, c)
		}
	}
}

// warnOfOthers says what becomes of variables that set nothing.
func (r *reader) warnOfOthers() {
	known := map[string]bool{}
	for _, v := range environment {
		known[v.name] = true
	}
	for _, name := range sorted(r.environ) {
		if !strings.HasPrefix(name, prefix) || known[name] || r.environ[name] == "" {
			continue
		}
		advice := "is not known and sets nothing: see docs/configuration.md"
		for of, use := range instead {
			if strings.HasPrefix(name, of) {
				advice = "sets nothing here: " + use
			}
		}
		r.variable = name
		r.add(0, "", advice, true)
		r.variable = ""
	}
}
