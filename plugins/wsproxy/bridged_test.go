package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var (
	bridgedCalls = flag.Int("bridged", 10, "how many calls TestBridged places at once")
	bridgedFor   = flag.Duration("for", 4*time.Second, "how long its calls are")
)

// TestBridged places calls in real time through the host, wsproxy and an echoing
// backend, with a stamp in every frame, and holds that each frame got through once, in
// order, in both directions. It prints how long the two ways took. Caller, host and
// backend are in this process, and so on one clock.
func TestBridged(t *testing.T) {
	load := &load{start: time.Now()}
	backend := httptest.NewServer(http.HandlerFunc(load.echo))
	defer backend.Close()
	h := serve(t, map[string]any{
		"adapter": "twilio", "url": "ws" + strings.TrimPrefix(backend.URL, "http"), "greeting_timeout": "0s",
	})
	ctx, cancel := context.WithTimeout(t.Context(), *bridgedFor+time.Minute)
	defer cancel()
	var conn *grpc.ClientConn
	var wg sync.WaitGroup
	for i := range *bridgedCalls {
		c := &stampedCall{load: load, name: fmt.Sprintf("bridged-%d", i), sentAt: make([]atomic.Int64, bridgedFor.Milliseconds()/20+100)}
		c.echoedAt = make([]atomic.Int64, len(c.sentAt))
		load.calls.Store(c.name, c)
		if i%callsPerTCP == 0 {
			var err error
			if conn, err = grpc.NewClient(h.Addr, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		agent := mediav1.NewVoiceVirtualAgentClient(conn)
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 20 * time.Millisecond / time.Duration(*bridgedCalls)) // calls do not tick in step
			if err := c.place(ctx, agent); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	wg.Wait()
	lost, late := 0, 0
	load.calls.Range(func(_, v any) bool {
		c := v.(*stampedCall)
		lost += c.lost()
		late += int(c.fillers.Load())
		return true
	})
	t.Logf("%d calls of %v: %d frames there, %d back; %d not there or back, %d frames of silence where nothing had come",
		*bridgedCalls, *bridgedFor, load.there.count(), load.back.count(), lost, late)
	for _, way := range []struct {
		name string
		h    *latencies
	}{{"there", &load.there}, {"back", &load.back}} {
		fmt.Printf("RESULT bridge_%s_p50 %.2f ms\nRESULT bridge_%s_p99 %.2f ms\n", way.name, way.h.quantile(.50), way.name, way.h.quantile(.99))
	}
	if lost > 0 {
		t.Errorf("%d frames were lost or came in another order", lost)
	}
	if dropped := strings.Count(h.Log.String(), "audio of the caller was dropped"); dropped > 0 {
		t.Errorf("wsproxy dropped audio of %d calls", dropped)
	}
}

// callsPerTCP is how many calls share a connection to the host.
const callsPerTCP = 20

// load is what all calls of the test share.
type load struct {
	start       time.Time
	calls       sync.Map // by conversation
	there, back latencies
}

func (l *load) now() int64 { return time.Since(l.start).Microseconds() + 1 }

// latencies counts times in steps of 10 us, up to 5 s.
type latencies struct{ steps [500_000]atomic.Int32 }

func (l *latencies) add(us int64) { l.steps[min(max(0, us/10), int64(len(l.steps)-1))].Add(1) }

func (l *latencies) count() (n int) {
	for i := range l.steps {
		n += int(l.steps[i].Load())
	}
	return n
}

func (l *latencies) quantile(q float64) float64 {
	want, seen := int(q*float64(l.count())), 0
	for i := range l.steps {
		if seen += int(l.steps[i].Load()); seen > want {
			return float64(i) / 100
		}
	}
	return 0
}

// stampedCall is a call whose frames have numbers, in bits that are no louder than the
// noise of a line.
type stampedCall struct {
	load     *load
	name     string
	sentAt   []atomic.Int64 // us, of each frame
	echoedAt []atomic.Int64
	fillers  atomic.Int64
	frames   int

	there, back int // next frame that is due
	wrong       atomic.Int64
}

var stampMark = []byte{0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xfe, 0xff, 0xff}

func stamp(frame []byte, n int) {
	for i := range frame {
		frame[i] = 0xff
	}
	copy(frame, stampMark)
	for bit := range 32 {
		frame[len(stampMark)+bit] = 0xff - byte(n>>bit&1)
	}
}

func stampOf(frame []byte) (n int, ok bool) {
	if !bytes.HasPrefix(frame, stampMark) {
		return 0, false
	}
	for bit := range 32 {
		n |= int(0xff-frame[len(stampMark)+bit]) << bit
	}
	return n, true
}

// lost is how many frames did not come back, but for the last ones that were under way
// at the end.
func (c *stampedCall) lost() int {
	const underWay = 50
	return int(c.wrong.Load()) + max(0, c.frames-underWay-c.back)
}

func (c *stampedCall) place(ctx context.Context, agent mediav1.VoiceVirtualAgentClient) error {
	if err := c.event(ctx, agent, mediav1.EventInput_SESSION_START); err != nil {
		return fmt.Errorf("session start: %w", err)
	}
	st, err := agent.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c.hear(st) }()
	err = c.talk(st)
	return errors.Join(err, st.CloseSend(), <-done, c.event(ctx, agent, mediav1.EventInput_SESSION_END))
}

func (c *stampedCall) request() *mediav1.VoiceVARequest {
	return &mediav1.VoiceVARequest{ConversationId: c.name, CustomerOrgId: "bench", VirtualAgentId: "wsproxy"}
}

func (c *stampedCall) event(ctx context.Context, agent mediav1.VoiceVirtualAgentClient, kind mediav1.EventInput_EventType) error {
	st, err := agent.ProcessCallerInput(ctx)
	if err != nil {
		return err
	}
	r := c.request()
	r.VoiceVaInputType = &mediav1.VoiceVARequest_EventInput{EventInput: &mediav1.EventInput{EventType: kind}}
	if err := st.Send(r); err != nil {
		return err
	}
	if err := st.CloseSend(); err != nil {
		return err
	}
	for {
		if _, err := st.Recv(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// talk sends frames in real time.
func (c *stampedCall) talk(st grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	frame := make([]byte, 160)
	r := c.request()
	for time.Since(began) < *bridgedFor {
		<-tick.C
		for due := int(time.Since(began) / (20 * time.Millisecond)); c.frames < due && c.frames < len(c.sentAt); c.frames++ {
			stamp(frame, c.frames)
			r.VoiceVaInputType = &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{
				CallerAudio: frame, Encoding: mediav1.VoiceInput_MULAW_FORMAT, SampleRateHertz: 8000}}
			c.sentAt[c.frames].Store(c.load.now())
			if err := st.Send(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// hear takes what comes back.
func (c *stampedCall) hear(st grpc.BidiStreamingClient[mediav1.VoiceVARequest, mediav1.VoiceVAResponse]) error {
	var pending []byte
	for {
		r, err := st.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range r.GetPrompts() {
			pending = append(pending, p.GetAudioContent()...)
		}
		now := c.load.now()
		for ; len(pending) >= 160; pending = pending[160:] {
			if n, ok := stampOf(pending); ok {
				if n != c.back || n >= len(c.echoedAt) {
					c.wrong.Add(1)
					continue
				}
				c.back++
				c.load.back.add(now - c.echoedAt[n].Load())
			}
		}
	}
}

// echo is the backend: it sends each frame back at once.
func (l *load) echo(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	var c *stampedCall
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if c == nil {
			if v, ok := l.calls.Load(field(data, "conversation_id")); ok {
				c = v.(*stampedCall)
			}
			continue
		}
		payload := field(data, "payload")
		frame, err := base64.StdEncoding.DecodeString(payload)
		if err != nil || len(frame) != 160 {
			continue
		}
		now := l.now()
		switch n, ok := stampOf(frame); {
		case !ok:
			c.fillers.Add(1)
		case n != c.there || n >= len(c.sentAt):
			c.wrong.Add(1)
		default:
			c.there++
			l.there.add(now - c.sentAt[n].Load())
			c.echoedAt[n].Store(now)
		}
		if ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"media","media":{"payload":"`+payload+`"}}`)) != nil {
			return
		}
	}
}

// field is the value of a JSON text field, found fast.
func field(data []byte, name string) string {
	_, rest, ok := bytes.Cut(data, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}
