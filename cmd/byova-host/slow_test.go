//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/caller"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// memoryOfOne bounds what one call may take whose peer is slow or in a hurry, in
// bytes: windows, queues and the audio that waits in them.
const memoryOfOne = 4 << 20

// others places ordinary calls beside a difficult one until it is over.
func others(t *testing.T, addr string, over <-chan struct{}) (wait func()) {
	t.Helper()
	var placing sync.WaitGroup
	placing.Go(func() {
		for range 100 {
			summary, err := caller.Load(t.Context(), caller.LoadOptions{Calls: 3, Call: caller.Options{
				Addr: addr, Org: "org", Agent: "echo", FrameMillis: 80,
				Steps: []caller.Step{caller.WaitAnswer(), caller.Press("12#"), caller.WaitAnswer(), caller.HangUp()},
			}})
			if err != nil || !summary.AllOK() {
				t.Errorf("the other calls suffer: %v, %+v", err, summary)
				return
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	return placing.Wait
}

// difficult opens RPCs of one call with nothing in between.
func difficult(t *testing.T, h *inside, agent string) *lineCall {
	t.Helper()
	conn := dialHost(t, h.addr, 1)[0]
	t.Cleanup(func() { conn.Close() })
	l := &line{ctx: t.Context(), client: mediav1.NewVoiceVirtualAgentClient(conn), tally: &tally{}}
	return &lineCall{line: l, id: "difficult", agent: agent}
}

// openUnread opens an RPC that nobody reads for the time being.
func (c *lineCall) openUnread(t *testing.T) *lineRPC {
	t.Helper()
	st, err := c.client.ProcessCallerInput(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &lineRPC{call: c, st: st, inputEnd: make(chan struct{}), done: make(chan struct{})}
}

// readAll returns how many bytes of prompts came before the RPC ended.
func (r *lineRPC) readAll(t *testing.T) (bytes int) {
	t.Helper()
	for {
		m, err := r.st.Recv()
		if errors.Is(err, io.EOF) {
			return bytes
		}
		if err != nil {
			t.Errorf("after %d bytes: %v", bytes, err)
			return bytes
		}
		for _, p := range m.GetPrompts() {
			bytes += len(p.GetAudioContent())
		}
	}
}

func (c *lineCall) exchange(t *testing.T, kind mediav1.EventInput_EventType) {
	t.Helper()
	r := c.openUnread(t)
	r.event(kind)
	r.st.CloseSend()
	r.readAll(t)
}

// TestUnreadResponses: Webex does not read for 5 s while the bot says ten minutes
// as fast as it can. The bot is held back by its credit, so that the host keeps
// next to nothing, other calls do not notice, and no byte is lost.
func TestUnreadResponses(t *testing.T) {
	h := runInside(t, session.DefaultSettings())
	c := difficult(t, h, "flood")
	c.exchange(t, mediav1.EventInput_SESSION_START)
	over := make(chan struct{})
	wait := others(t, h.addr, over)
	before := heap()
	r := c.openUnread(t)
	r.send(&mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{
		DtmfInput: &mediav1.DTMFInputs{DtmfEvents: []mediav1.DTMFDigits{mediav1.DTMFDigits_DTMF_DIGIT_ONE}}}})
	r.st.CloseSend()
	var peak int64
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for range 5 {
		<-second.C
		peak = max(peak, heap()-before)
	}
	close(over)
	wait()
	t.Logf("%d KiB of heap while nothing was read", peak>>10)
	if peak > memoryOfOne {
		t.Errorf("a peer that does not read takes %d KiB", peak>>10)
	}
	if got, want := r.readAll(t), 600*8000; got != want {
		t.Errorf("%d bytes of the flood arrived, want %d", got, want)
	}
	c.exchange(t, mediav1.EventInput_SESSION_END)
	h.close(t)
}

// TestAudioInBulk: a minute of speech arrives in a second. It is heard, in bounded
// memory and to the end of the utterance, and other calls do not notice; what a bot
// did not take is counted in the log.
func TestAudioInBulk(t *testing.T) {
	h := runInside(t, session.DefaultSettings())
	c := difficult(t, h, "echo")
	c.exchange(t, mediav1.EventInput_SESSION_START)
	over := make(chan struct{})
	wait := others(t, h.addr, over)
	words := readWAV(t, helloFile).Data
	minute := bytes.Repeat(append(bytes.Clone(words), bytes.Repeat([]byte{0xff}, 1600)...), 60*8000/(len(words)+1600))
	minute = append(minute, bytes.Repeat([]byte{0xff}, 8000)...)

	before := heap()
	began := time.Now()
	r := c.openUnread(t)
	sent := make(chan time.Duration, 1)
	go func() {
		for chunk := range chunks(minute, frame) {
			r.send(&mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: &mediav1.VoiceInput{CallerAudio: chunk}}})
		}
		r.st.CloseSend()
		sent <- time.Since(began)
	}()
	echoed := r.readAll(t)
	peak := heap() - before
	close(over)
	wait()
	t.Logf("%d bytes sent in %v, %d echoed after %v, %d KiB of heap", len(minute), <-sent, echoed, time.Since(began), peak>>10)
	if peak > memoryOfOne {
		t.Errorf("a caller in a hurry takes %d KiB", peak>>10)
	}
	c.exchange(t, mediav1.EventInput_SESSION_END)
	h.close(t)
	fate := regexp.MustCompile(`session ended: .*conversation=difficult .*unheard_bytes=(\d+)`).FindStringSubmatch(h.log.String())
	if fate == nil {
		t.Fatal("the log does not tell what became of the audio")
	}
	lost, err := strconv.Atoi(fate[1])
	if err != nil || lost > len(minute) {
		t.Errorf("%q bytes were not heard by the bot", fate[1])
	}
	if longest := 30 * 8000; echoed+lost < longest {
		t.Errorf("of the longest utterance, %d bytes, %d were echoed and %d counted as lost", longest, echoed, lost)
	}
}
