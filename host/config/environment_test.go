package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
)

// TestEnvironment: the variables stand above the file, and agents inherit them.
func TestEnvironment(t *testing.T) {
	text := `
listen: 10.0.0.1:5
log: {level: info}
calls: {answers: chunks, input: {mode: dtmf}}
agents: {own: {input: {mode: voice_and_dtmf}}}
`
	config, problems := Read("host.yaml", []byte(text), []string{
		"WEBEX_MEDIA_HOST=fe80::1%eth0", "WEBEX_MEDIA_PORT=6000", "WEBEX_MEDIA_AUDIO_MODE=Full", "WEBEX_MEDIA_INPUT_MODE=voice",
		"WEBEX_MEDIA_NO_INPUT_TIMEOUT=7.5", "WEBEX_MEDIA_END_OF_INPUT_SILENCE_MS=700", "WEBEX_MEDIA_MAX_SESSION_DURATION=None",
		"WEBEX_MEDIA_VERIFY_TOKENS=No", "WEBEX_MEDIA_LOG_LEVEL=Warning", "WEBEX_MEDIA_TLS_CERT=", "OTHER=1", "nonsense",
	})
	if len(problems) > 0 {
		t.Fatal(show(problems))
	}
	want := Default()
	want.Listen, want.VerifyTokens, want.Log.Level = "[fe80::1%eth0]:6000", false, hclog.Warn
	want.Calls.Answers, want.Calls.Input.Mode, want.Calls.Input.NoInput = session.WAV, session.VoiceOnly, 7500*time.Millisecond
	want.Calls.Input.EndSilence, want.Calls.MaxDuration = 700*time.Millisecond, 0
	own := want.Calls
	own.Input.Mode = session.VoiceAndDTMF
	want.Agents = map[string]Calls{"own": own}
	if !reflect.DeepEqual(config, want) {
		t.Errorf("%+v\nwant %+v", config, want)
	}
}

func TestLogLevels(t *testing.T) {
	for value, want := range map[string]hclog.Level{
		"DEBUG": hclog.Debug, "info": hclog.Info, "Warning": hclog.Warn, "ERROR": hclog.Error, "critical": hclog.Error,
	} {
		if config, problems := Load("", []string{"WEBEX_MEDIA_LOG_LEVEL=" + value}); config.Log.Level != want || Broken(problems) {
			t.Errorf("%s gives %v, %s", value, config.Log.Level, show(problems))
		}
	}
}

// TestBadVariables: the variable is named, and what to do.
func TestBadVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"HOST=a b":                     `"a b" is no host (the variable holds the host)`,
		"HOST=0.0.0.0:443":             `"0.0.0.0:443" is no host (the variable holds the host)`,
		"PORT=http":                    `"http" is no port: set a number from 0 to 65535`,
		"PORT=65536":                   `"65536" is no port: set a number from 0 to 65535`,
		"TLS_CERT=/none.pem":           "/none.pem: no such file or directory: name a file that is there",
		"TLS_KEY=/":                    "/ is a directory: name a file",
		"AUDIO_MODE=chunks":            `"chunks" is not known: set one of chunked, full`,
		"INPUT_MODE=speech":            `"speech" is not known: set one of voice, dtmf, mixed`,
		"NO_INPUT_TIMEOUT=5s":          `"5s" is no number of seconds: set one without a unit`,
		"NO_INPUT_TIMEOUT=-1":          `"-1" is no number of seconds: set one without a unit`,
		"NO_INPUT_TIMEOUT=1e11":        "is out of range: write a duration of 100ms to 10m, or 0s",
		"END_OF_INPUT_SILENCE_MS=50":   "50ms is out of range: write a duration of 100ms to 10s (the variable holds milliseconds)",
		"END_OF_INPUT_SILENCE_MS=many": `"many" is no number of milliseconds: set one without a unit`,
		"END_OF_INPUT_SILENCE_MS=NaN":  `"NaN" is no number of milliseconds: set one without a unit`,
		"MAX_SESSION_DURATION=never":   `"never" is no number of seconds: set one without a unit`,
		"VERIFY_TOKENS=maybe":          `"maybe" is not known: set one of 1, true, yes, on, 0, false, no, off`,
		"LOG_LEVEL=LOUD":               `"LOUD" is not known: set one of debug, info, warning, error, critical`,
	} {
		_, problems := Load("", []string{"WEBEX_MEDIA_" + variable})
		name, _, _ := strings.Cut(variable, "=")
		got := show(problems)
		if !Broken(problems) || !strings.Contains(got, "environment: WEBEX_MEDIA_"+name+": ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s\nwant %s", variable, got, want)
		}
	}
}

// TestVariablesWithoutMeaning: each gets one warning that says what to use.
func TestVariablesWithoutMeaning(t *testing.T) {
	for variable, want := range map[string]string{
		"TURN_DISCONNECT_TIMEOUT": "calls.input.no_input", "SAMPLE_RATE": "8 kHz", "BARGE_IN_ENABLED": "calls.greeting_barge_in",
		"PROXY_BUFFER_LIMIT": "plugins", "PROXY_OVERFLOW_POLICY": "plugins", "NO_SUCH": "is not known",
	} {
		_, problems := Load("", []string{"WEBEX_MEDIA_" + variable + "=1", "WEBEX_MEDIA_VERIFY_TOKENS=0"})
		if got := show(problems); len(problems) != 1 || Broken(problems) || !strings.Contains(got, variable+": warning: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s\nwant %s", variable, got, want)
		}
	}
}

// TestPairFromTwoPlaces: the file and the environment may name one file each.
func TestPairFromTwoPlaces(t *testing.T) {
	dir := files(t, map[string]string{"server.pem": "x", "server.key": "x"})
	_, problems := Read(dir+"/host.yaml", []byte("tls: {cert: server.pem}\n"), []string{"WEBEX_MEDIA_TLS_KEY=" + dir + "/server.key"})
	if got := show(problems); strings.Contains(got, "both or neither") || !strings.Contains(got, "is no PEM file") {
		t.Error(got)
	}
	_, problems = Load("", []string{"WEBEX_MEDIA_TLS_KEY=" + dir + "/server.key"})
	if got := show(problems); !strings.Contains(got, "environment: WEBEX_MEDIA_TLS_KEY: tls.key: stands without tls.cert") {
		t.Error(got)
	}
}
