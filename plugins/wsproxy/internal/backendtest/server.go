package backendtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Faults are what goes wrong at a backend. The zero value is one that works.
type Faults struct {
	Status  int           // of HTTP instead of an upgrade
	Slow    time.Duration // before every answer
	Mute    bool          // never answers, and never greets
	DeafFor time.Duration // reads nothing for so long after the upgrade
	// SmallBuffers has the system keep little for it, so that it is noticed soon.
	SmallBuffers bool
	Mutter       []Frame // sent before every answer
	DieIn        int     // breaks off in the middle of the answer to that utterance, once
	CloseIn      int     // closes instead of answering that utterance, once ...
	Code         int     // ... with this status
	Silent       bool    // does not begin the session
	Hum          bool    // is never quiet: something soft plays behind the voice (twilio)
	NoReturn     bool    // after DieIn or CloseIn refuses all connections
}

// Frame is a WebSocket message.
type Frame struct {
	Binary bool
	Data   []byte
}

// Server is a backend.
type Server struct {
	URL    string // of the WebSocket
	http   *httptest.Server
	make   func(*bot) dialect
	faults Faults

	mu         sync.Mutex
	violations []string
	refused    bool // since it broke off
	failed     bool // DieIn or CloseIn has happened
	sessions   []Session
	live       map[*websocket.Conn]bool
	wg         sync.WaitGroup
	messages   [][]byte // that came
	sent       [][]byte // that were sent
	answers    int
}

// Session is what one connection came to.
type Session struct {
	Header   http.Header
	URL      string
	Heard    time.Duration // of the caller
	Keys     string
	Resumed  bool
	Silences int
	Goodbye  bool // the client ended it as the protocol wants
	Code     int  // with which the client closed
}

// dialect is a protocol, for one connection.
type dialect interface {
	// opened begins; the bot is started when the protocol allows it.
	opened()
	// receive takes a message of the client. What is wrong with it is an error, for
	// which the real backend would close.
	receive(f Frame) error
	// say sends an answer of so many bytes of mu-law and says that it is complete.
	say(audio []byte)
	// began and ended report the caller's speech; began stops what plays.
	began(playing bool)
	ended()
	// leave has the agent transfer or end the call.
	leave(transfer bool, why string)
}

var dialects = map[string]func(*bot) dialect{
	"byova-json":       func(b *bot) dialect { return &byovaJSON{bot: b} },
	"twilio":           func(b *bot) dialect { return &twilio{bot: b} },
	"openai-realtime":  func(b *bot) dialect { return &openAI{bot: b} },
	"deepgram-agent":   func(b *bot) dialect { return &deepgram{bot: b} },
	"elevenlabs-agent": func(b *bot) dialect { return &elevenLabs{bot: b} },
	"gemini-live":      func(b *bot) dialect { return &gemini{bot: b} },
}

// New starts a backend that speaks an adapter's protocol.
func New(adapter string, faults Faults) *Server {
	s := &Server{make: dialects[adapter], faults: faults, live: map[*websocket.Conn]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/convai/conversation/get-signed-url", s.sign)
	mux.HandleFunc("/", s.serve)
	s.http = httptest.NewUnstartedServer(mux)
	if faults.SmallBuffers {
		s.http.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			_ = c.(*net.TCPConn).SetReadBuffer(16 << 10)
			return ctx
		}
	}
	s.http.Start()
	s.URL = "ws" + strings.TrimPrefix(s.http.URL, "http") + "/"
	return s
}

// HTTP is the address of what is asked before connecting.
func (s *Server) HTTP() string { return s.http.URL }

// sign gives ElevenLabs' signed URLs.
func (s *Server) sign(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Xi-Api-Key") != "secret-key" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"signed_url": s.URL + "?agent_id=" + r.URL.Query().Get("agent_id") + "&conversation_signature=signed"})
}

// Close ends all connections and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	for ws := range s.live {
		_ = ws.NetConn().Close()
	}
	s.mu.Unlock()
	s.http.Close()
	s.wg.Wait()
}

// Break cuts all connections and refuses further ones, as a backend that has died.
func (s *Server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = true
	for ws := range s.live {
		_ = ws.NetConn().Close()
	}
}

// Violations are what clients did wrong.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Sessions are the connections that have ended.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sessions)
}

// Messages are the text messages of all clients.
func (s *Server) Messages() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Sent are the text messages to all clients.
func (s *Server) Sent() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Answers is how many utterances were answered.
func (s *Server) Answers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

func (s *Server) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
}

// Live is how many connections are up.
func (s *Server) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

func (s *Server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	refused := s.refused
	s.mu.Unlock()
	if s.faults.Status != 0 || refused {
		w.WriteHeader(max(s.faults.Status, http.StatusServiceUnavailable*b2i(refused)))
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.violation("upgrade: %v", err)
		return
	}
	s.mu.Lock()
	s.live[ws] = true
	s.wg.Add(1)
	s.mu.Unlock()
	b := &bot{server: s, ws: ws, session: Session{Header: r.Header, URL: r.URL.String()}}
	b.dialect = s.make(b)
	b.run()
	_ = ws.Close()
	s.mu.Lock()
	s.sessions = append(s.sessions, b.session)
	delete(s.live, ws)
	s.mu.Unlock()
	s.wg.Done()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
