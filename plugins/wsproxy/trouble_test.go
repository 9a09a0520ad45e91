//go:build unix

package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/backendtest"
)

const oneAnswer = `
name: one answer
steps:
  - wait: greeting
  - say: hello
  - wait: answer
  - hang_up: true
`

const fallsBack = `
name: the caller gets the fallback
steps:
  - wait: greeting
  - expect: {ends: transfer, metadata: {reason: bot failed}}
`

var greeted = []heardTone{{backendtest.Greeting, backendtest.GreetingFor}, {backendtest.First, backendtest.FirstFor}}

// TestBadMessages has backends say what they should not before each answer. The answer
// is heard all the same, and the log has each kind of trouble once.
func TestBadMessages(t *testing.T) {
	text := func(s string) backendtest.Frame { return backendtest.Frame{Data: []byte(s)} }
	long := `{"type":"x","event":"x","padding":"` + strings.Repeat("x", 10<<20) + `"}`
	common := []backendtest.Frame{
		text(`{`), text(``), text(`[]`), text(`null`), text(`"x"`), text(`{"type":7,"event":7}`), text(`{"type":"unheard_of","event":"unheard_of"}`),
		text(`{}`), text("\xff\xfe"), text(long),
	}
	binary := backendtest.Frame{Binary: true, Data: []byte{1, 2, 3}}
	own := map[string][]backendtest.Frame{
		"twilio": {binary, text(`{"event":"media","media":{"payload":"***"}}`), text(`{"event":"media"}`), text(`{"event":"mark"}`), text(`{"event":"x-byova","action":"?"}`)},
		"byova-json": {binary, text(`{"type":"prompt","payload":{"audio":"***"}}`), text(`{"type":"prompt","payload":{"audio":"UklGRg=="}}`),
			text(`{"type":"prompt","payload":{"audio":"AAAA","encoding":"mp3"}}`), text(`{"type":"prompt","payload":{"audio":"AAAA","encoding":"linear16","sample_rate":3}}`),
			text(`{"type":"input","payload":{"terminator":"x"}}`), text(`{"type":"prompt","payload":7}`)},
		"openai-realtime":  {binary, text(`{"type":"response.output_audio.delta","delta":"***"}`), text(`{"type":"error","error":{"code":"strange"}}`)},
		"deepgram-agent":   {text(`{"type":"FunctionCallRequest","functions":[{"id":"z","name":"x","arguments":"{","client_side":false}]}`), text(`{"type":"Warning","code":"SLOW_THINK_REQUEST"}`)},
		"elevenlabs-agent": {binary, text(`{"type":"audio","audio_event":{"audio_base_64":"***","event_id":99}}`), text(`{"type":"error","error_event":{"code":1}}`)},
		"gemini-live": {binary, text(`{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"***","mimeType":"audio/pcm"}}]}}}`),
			text(`{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AAAA","mimeType":"audio/pcm;rate=1"}}]}}}`),
			text(`{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AAAA","mimeType":"video/mp4"}}]}}}`)},
	}
	for _, name := range adapter.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := bridgeTo(t, name, backendtest.Faults{Mutter: append(common, own[name]...)}, nil)
			_, heard := h.call(t, oneAnswer)
			hears(t, heard, greeted...)
			if n := strings.Count(h.Log.String(), "a message of the backend was not understood"); n != 1 {
				t.Errorf("the log says %d times that a message was not understood, want once", n)
			}
		})
	}
}

// TestCloseCodes has backends close instead of answering.
func TestCloseCodes(t *testing.T) {
	lost := map[int]bool{1001: true, 1011: true, 1012: true, 1013: true, 1014: true}
	for _, name := range []string{"twilio", "openai-realtime"} {
		for _, code := range []int{1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4000, 4003, 4999} {
			t.Run(fmt.Sprint(name, " ", code), func(t *testing.T) {
				t.Parallel()
				h, backend := bridgeTo(t, name, backendtest.Faults{CloseIn: 1, Code: code}, nil)
				end := "  - expect: {ends: transfer, metadata: {reason: bot failed}}\n"
				resumes := name == "openai-realtime" && lost[code]
				switch {
				case code == 1000 || code == 1005:
					end = "  - expect: {ends: session_end, metadata: {reason: the bot has ended the call}}\n"
				case resumes:
					end = "  - say: hello\n  - wait: answer\n  - expect: {prompt: {at_least: 700ms}}\n"
				}
				_, _ = h.call(t, "name: close\nsteps:\n  - wait: greeting\n  - say: hello\n  - wait: answer\n"+end)
				if want := 1 + b2i(resumes); len(ended(t, backend, want)) != want {
					t.Errorf("%d connections, want %d", len(backend.Sessions()), want)
				}
				if !strings.Contains(h.Log.String(), fmt.Sprintf(`why="closed with %d`, code)) {
					t.Error("the log does not have the code")
				}
			})
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestUnreachable holds that a caller gets the fallback, and the log the reason.
func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	for _, test := range []struct {
		name   string
		faults backendtest.Faults
		url    string
		reason string
	}{
		{"unauthorised", backendtest.Faults{Status: 401}, "", "the server answered 401 Unauthorized instead of a WebSocket"},
		{"unavailable", backendtest.Faults{Status: 503}, "", "cannot be reached, after"},
		{"no session", backendtest.Faults{Silent: true}, "", "cannot be reached, after"},
		{"nobody there", backendtest.Faults{}, "ws://" + closed.Addr().String(), "connection refused"},
		{"untrusted", backendtest.Faults{}, "wss" + strings.TrimPrefix(untrusted.URL, "https"), "certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			more := map[string]any{"connect_timeout": "1s"}
			if test.url != "" {
				more["url"] = test.url
			}
			h, _ := bridgeTo(t, "openai-realtime", test.faults, more)
			h.call(t, fallsBack)
			if !strings.Contains(h.Log.String(), test.reason) {
				t.Errorf("the log does not say %q", test.reason)
			}
		})
	}
}

// TestMute has a backend that never answers: the caller is given up on after three
// utterances, not left in silence.
func TestMute(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "twilio", backendtest.Faults{Mute: true}, map[string]any{"answer_timeout": "300ms", "greeting_timeout": "100ms"})
	h.call(t, `
name: mute
steps:
  - wait: greeting
  - say: hello
  - wait: answer
  - say: hello
  - wait: answer
  - say: hello
  - wait: answer
  - expect: {ends: transfer, metadata: {reason: bot failed}}
`)
	if !strings.Contains(h.Log.String(), "has not answered 3 inputs in a row") {
		t.Error("the log does not say why")
	}
}

// TestSlow has answers that come later than the answer is waited for: they are heard
// all the same.
func TestSlow(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "twilio", backendtest.Faults{Slow: 900 * time.Millisecond}, map[string]any{"answer_timeout": "300ms"})
	_, heard := h.call(t, `
name: slow
steps:
  - wait: greeting
  - say: hello
  - wait: answer
  - silence: 2s
  - hang_up: true
`)
	hears(t, heard, greeted...)
}

// TestGoneBeforeTheAnswer has a backend answer a call that has ended.
func TestGoneBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	h, backend := bridgeTo(t, "openai-realtime", backendtest.Faults{Slow: time.Second}, nil)
	h.call(t, "name: gone\nsteps:\n  - wait: greeting\n  - say: hello\n  - silence: 500ms\n  - hang_up: true\n")
	ended(t, backend, 1)
}

// TestNoInput brings a silence to those who want to know, and lets the others be.
func TestNoInput(t *testing.T) {
	for _, name := range adapter.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, backend := bridgeTo(t, name, backendtest.Faults{}, nil)
			_, heard := h.call(t, `
name: silence
steps:
  - wait: greeting
  - send: {event: NO_INPUT}
  - wait: answer
  - say: hello
  - wait: answer
  - hang_up: true
`)
			b, _ := adapter.New(name)
			want, silences := greeted, 0
			if b.Traits().HearsNoInput {
				want, silences = []heardTone{greeted[0], {backendtest.Keys, backendtest.KeysFor}, greeted[1]}, 1
			}
			hears(t, heard, want...)
			if s := ended(t, backend, 1)[0]; s.Silences != silences {
				t.Errorf("the backend heard of %d silences, want %d", s.Silences, silences)
			}
		})
	}
}

// TestRenew has backends announce that the connection will end: it is replaced in the
// next pause, and nobody hears it.
func TestRenew(t *testing.T) {
	for name, announcement := range map[string]string{
		"gemini-live":    `{"goAway":{"timeLeft":"50s"}}`,
		"deepgram-agent": `{"type":"Warning","code":"MAXIMUM_SESSION_LENGTH_APPROACHING"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, backend := bridgeTo(t, name, backendtest.Faults{Mutter: []backendtest.Frame{{Data: []byte(announcement)}}}, nil)
			_, heard := h.call(t, "name: renew\nsteps:\n  - wait: greeting\n  - say: hello\n  - wait: answer\n  - silence: 1s\n  - say: hello\n  - wait: answer\n  - hang_up: true\n")
			hears(t, heard, append(greeted, greeted[1])...)
			if s := ended(t, backend, 2); !s[1].Resumed || s[0].Code != 1000 {
				t.Errorf("sessions %+v: want a first one closed with 1000, and a second that goes on with it", s)
			}
		})
	}
}

// TestBackendDetects has a bot of byova-json report speech itself.
func TestBackendDetects(t *testing.T) {
	t.Parallel()
	h, backend := bridgeTo(t, "byova-json", backendtest.Faults{}, map[string]any{"speech": "backend"})
	_, heard := h.call(t, conversation)
	if len(heard) != 6 {
		t.Errorf("heard %v", heard)
	}
	for _, m := range backend.Messages() {
		if strings.Contains(string(m), `"speech_started"`) {
			t.Fatal("the backend was told of speech that it reports itself")
		}
	}
}

// TestKilled kills wsproxy in mid-call: the backend is dialled anew by the next process
// and told what was said.
func TestKilled(t *testing.T) {
	for _, name := range []string{"byova-json", "deepgram-agent", "gemini-live", "openai-realtime", "twilio"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, backend := bridgeTo(t, name, backendtest.Faults{}, nil)
			done := make(chan []heardTone, 1)
			go func() {
				_, heard := h.call(t, "name: killed\nsteps:\n  - wait: greeting\n  - say: hello\n  - wait: answer\n  - silence: 3s\n  - say: hello\n  - wait: answer\n  - hang_up: true\n")
				done <- heard
			}()
			waitFor(t, "the first answer", func() bool { return backend.Live() == 1 && backend.Answers() == 1 })
			time.Sleep(2 * time.Second) // it is heard, and what was said is saved
			pid := regexp.MustCompile(`pid=(\d+)`).FindStringSubmatch(h.Log.String())[1]
			n, _ := strconv.Atoi(pid)
			if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			hears(t, <-done, append(greeted, greeted[1])...)
			if s := ended(t, backend, 2); !s[1].Resumed {
				t.Error("the backend was not told that the call is resumed")
			}
		})
	}
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestOverflow has a backend that stops reading. With drop_oldest the call goes on when
// it reads again; with disconnect it falls back.
func TestOverflow(t *testing.T) {
	for _, policy := range []string{"drop_oldest", "disconnect"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			h, _ := bridgeTo(t, "twilio", backendtest.Faults{DeafFor: 9 * time.Second, SmallBuffers: true},
				map[string]any{"overflow": policy, "buffer": "500ms", "greeting_timeout": "0s"})
			if policy == "disconnect" {
				h.call(t, "name: deaf\nsteps:\n  - wait: greeting\n  - silence: 14s\n  - expect: {ends: transfer, metadata: {reason: bot failed}}\n")
				if !strings.Contains(h.Log.String(), "the backend does not take the caller's audio") {
					t.Error("the log does not say why")
				}
				return
			}
			_, heard := h.call(t, "name: deaf\nsteps:\n  - wait: greeting\n  - silence: 13s\n  - say: hello\n  - wait: answer\n  - hang_up: true\n")
			if len(heard) == 0 || heard[len(heard)-1].Hertz != backendtest.First {
				t.Errorf("heard %v, want an answer in the end", heard)
			}
			if dropped := regexp.MustCompile(`audio of the caller was dropped.*bytes=(\d+).* ms=(\d+)`).FindStringSubmatch(h.Log.String()); dropped == nil {
				t.Error("the log does not say how much was dropped")
			}
		})
	}
}

// TestConnections tries what a configuration says of connecting.
func TestConnections(t *testing.T) {
	seen := make(chan *http.Request, 10)
	upgrade := func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	}
	server := httptest.NewTLSServer(http.HandlerFunc(upgrade))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	h := serve(t, map[string]any{
		"adapter": "twilio", "url": "wss" + strings.TrimPrefix(server.URL, "https") + "/ws?a=1", "greeting_timeout": "0s",
		"headers": map[string]any{"x-tenant": "blue"}, "query": map[string]any{"b": "2&3"}, "tls": map[string]any{"ca": string(ca)},
		"options": map[string]any{"auth_token": "test-auth-token", "signed_url": "wss://bot.example.com/media-stream"},
	})
	h.call(t, "name: tls\nsteps:\n  - wait: greeting\n  - hang_up: true\n")
	r := <-seen
	if q := r.URL.Query(); r.URL.Path != "/ws" || q.Get("a") != "1" || q.Get("b") != "2&3" || r.Header.Get("X-Tenant") != "blue" ||
		r.Header.Get("X-Twilio-Signature") != "0LmDsKXlEvXnf9uUr7lSUjcw/5E=" {
		t.Errorf("upgrade of %v with %v", r.URL, r.Header)
	}
}

// TestProxy reaches a backend through the proxy that the environment names.
func TestProxy(t *testing.T) {
	backend := backendtest.New("twilio", backendtest.Faults{})
	defer backend.Close()
	connects := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connects <- r.Method + " " + r.Host
		tunnel(w, strings.TrimSuffix(strings.TrimPrefix(backend.URL, "ws://"), "/"))
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	h := serve(t, map[string]any{"adapter": "twilio", "url": "ws://bot.example.test/ws"})
	_, heard := h.call(t, oneAnswer)
	hears(t, heard, greeted...)
	if c := <-connects; c != "CONNECT bot.example.test:80" {
		t.Errorf("the proxy was asked to %s", c)
	}
}

// tunnel joins a client with an address.
func tunnel(w http.ResponseWriter, addr string) {
	up, err := net.Dial("tcp", addr)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	down, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer down.Close()
	_, _ = down.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(up, down)
		up.Close()
	}()
	_, _ = io.Copy(down, up)
	down.Close()
	<-done
}

// TestSpares holds connections ready, and uses them.
func TestSpares(t *testing.T) {
	t.Parallel()
	h, backend := bridgeTo(t, "twilio", backendtest.Faults{}, map[string]any{"spare_connections": 2})
	waitFor(t, "two connections without a call", func() bool { return backend.Live() == 2 })
	_, heard := h.call(t, oneAnswer)
	hears(t, heard, greeted...)
	waitFor(t, "two connections again", func() bool { return backend.Live() == 2 })
}

// TestFull gives a call the fallback when the setting max_connections is reached.
func TestFull(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "twilio", backendtest.Faults{}, map[string]any{"max_connections": 1})
	first := make(chan struct{})
	go func() {
		defer close(first)
		h.call(t, oneAnswer)
	}()
	waitFor(t, "the first call", func() bool { return strings.Contains(h.Log.String(), "session started") })
	h.call(t, fallsBack)
	<-first
}

// TestAnswerDue has a backend break off before it answers: on the next connection it is
// asked for the answer, and the caller need not say it again.
func TestAnswerDue(t *testing.T) {
	t.Parallel()
	h, _ := bridgeTo(t, "openai-realtime", backendtest.Faults{CloseIn: 1, Code: 1011}, nil)
	_, heard := h.call(t, "name: due\nsteps:\n  - wait: greeting\n  - say: hello\n  - expect: {first_audio: 2s}\n  - wait: answer\n  - hang_up: true\n")
	// The first answer of a connection is the greeting's tone.
	hears(t, heard, greeted[0], greeted[0])
}

// TestOnClose has a bot close in order, for an operator who does not want that to be the
// end of the call.
func TestOnClose(t *testing.T) {
	for choice, reason := range map[string]string{"transfer": "the bot has ended the call", "fallback": "bot failed"} {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			h, _ := bridgeTo(t, "twilio", backendtest.Faults{CloseIn: 1, Code: 1000}, map[string]any{"on_close": choice})
			h.call(t, "name: close\nsteps:\n  - wait: greeting\n  - say: hello\n  - wait: answer\n  - expect: {ends: transfer, metadata: {reason: "+reason+"}}\n")
		})
	}
}
