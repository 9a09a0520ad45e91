package socket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial connects to a server that does with each connection what do says.
func dial(t *testing.T, config Config, do func(ws *websocket.Conn)) *Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		do(ws)
	}))
	t.Cleanup(server.Close)
	target, _ := url.Parse("ws" + strings.TrimPrefix(server.URL, "http"))
	c, err := Dial(t.Context(), target, http.Header{}, nil, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(1000, "") })
	return c
}

// drain reads until the other end closes.
func drain(ws *websocket.Conn) (messages []string, code int) {
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
				code = closed.Code
			}
			return messages, code
		}
		messages = append(messages, string(data))
	}
}

func TestMessages(t *testing.T) {
	got, code := make(chan []string, 1), make(chan int, 1)
	c := dial(t, Config{}, func(ws *websocket.Conn) {
		_ = ws.WriteMessage(websocket.TextMessage, []byte("hello"))
		_ = ws.WriteMessage(websocket.BinaryMessage, []byte{1, 2})
		messages, closed := drain(ws)
		got <- messages
		code <- closed
	})
	if m := <-c.Messages(); m.Binary || string(m.Data) != "hello" {
		t.Errorf("got %+v", m)
	}
	if m := <-c.Messages(); !m.Binary || len(m.Data) != 2 {
		t.Errorf("got %+v", m)
	}
	for _, text := range []string{"one", "two", "three"} {
		c.Send(false, []byte(text))
	}
	c.Close(1000, "bye")
	if all := strings.Join(<-got, " "); all != "one two three" {
		t.Errorf("the server got %q", all)
	}
	if n := <-code; n != 1000 {
		t.Errorf("the server saw close code %d", n)
	}
	if _, more := <-c.Messages(); more || c.Err().Code != 1000 {
		t.Errorf("ended with %v", c.Err())
	}
	if s := c.Stats(); s.Sent != 3 || s.Received != 2 || s.BytesOut != 11 || s.BytesIn != 7 {
		t.Errorf("stats %+v", s)
	}
}

// TestEnds: however a connection ends, it ends, and says why.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		do     func(ws *websocket.Conn)
		mine   func(c *Conn)
		want   string
	}{
		{"closed by the peer", Config{}, func(ws *websocket.Conn) {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4003, "no token\n"), time.Now().Add(time.Second))
			drain(ws)
		}, nil, "closed with 4003: no token "},
		{"without a status", Config{}, func(ws *websocket.Conn) {
			_ = ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
			drain(ws)
		}, nil, "closed with 1005"},
		{"broken off", Config{}, func(ws *websocket.Conn) { ws.NetConn().Close() }, nil, "closed with 1006: the connection ended without a close frame"},
		{"too long", Config{MaxMessage: 1000}, func(ws *websocket.Conn) {
			_ = ws.WriteMessage(websocket.TextMessage, make([]byte, 2000))
			drain(ws)
		}, nil, "closed with 1009: the backend sent a message that is too long"},
		{"no sign of life", Config{Ping: 20 * time.Millisecond, Idle: 150 * time.Millisecond}, func(ws *websocket.Conn) {
			time.Sleep(400 * time.Millisecond) // it reads nothing, and so answers no ping
		}, nil, "not even the answer to a ping"},
		{"does not read", Config{MaxQueued: 100 << 10}, func(ws *websocket.Conn) {
			time.Sleep(300 * time.Millisecond) // as it says
		}, func(c *Conn) {
			for range 200 {
				c.Send(true, make([]byte, 64<<10))
			}
		}, "the backend does not read"},
		{"given up", Config{}, func(ws *websocket.Conn) { drain(ws) }, func(c *Conn) { c.Abort("enough") }, "closed with 1006: enough"},
		{"bad frames", Config{}, func(ws *websocket.Conn) { _, _ = ws.NetConn().Write([]byte{0xff, 0xff, 0xff}); drain(ws) }, nil, "closed with"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, test.config, test.do)
			if test.mine != nil {
				test.mine(c)
			}
			limit := time.After(10 * time.Second)
			for more := true; more; {
				select {
				case _, more = <-c.Messages():
				case <-limit:
					t.Fatal("it did not end")
				}
			}
			if got := c.Err().Error(); !strings.Contains(got, test.want) {
				t.Errorf("ended with %q, want %q", got, test.want)
			}
			c.Send(false, []byte("late")) // is dropped
			c.Wait()
		})
	}
}

// TestSilentPeerLives: a peer that says nothing but answers pings is there.
func TestSilentPeerLives(t *testing.T) {
	c := dial(t, Config{Ping: 20 * time.Millisecond, Idle: 200 * time.Millisecond}, func(ws *websocket.Conn) { drain(ws) })
	select {
	case <-c.Messages():
		t.Fatalf("it ended: %v", c.Err())
	case <-time.After(600 * time.Millisecond):
	}
}

// TestFullInbox: a peer that sends more than is taken is held up, and closing does not
// wait for its messages to be taken.
func TestFullInbox(t *testing.T) {
	c := dial(t, Config{}, func(ws *websocket.Conn) {
		for ws.WriteMessage(websocket.TextMessage, make([]byte, 10<<10)) == nil {
			continue
		}
	})
	<-c.Messages()
	began := time.Now()
	c.Close(1000, "")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestDialErrors(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("secret-key is wrong"))
	}))
	defer refuses.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, test := range []struct{ name, url, want string }{
		{"refused", "ws" + strings.TrimPrefix(refuses.URL, "http") + "/ws?key=secret-key", "/ws: the server answered 403 Forbidden instead of a WebSocket"},
		{"no answer", "ws://" + silent.Addr().String() + "/?key=secret-key", "no answer in time"},
		{"nobody", "ws://127.0.0.1:1/?key=secret-key", "connect to ws://127.0.0.1:1/: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			target, _ := url.Parse(test.url)
			_, err := Dial(ctx, target, nil, nil, Config{})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret-key") {
				t.Errorf("error %v, want %q and no secret", err, test.want)
			}
		})
	}
}
