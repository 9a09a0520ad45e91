//go:build unix

package main

import (
	"bytes"
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// What callers do in the tests of endings.

// speak says something.
func speak(p *phone) heard {
	p.t.Helper()
	return p.say(readWAV(p.t, helloFile).Data)
}

// staySilent says nothing for a while, which Webex reports.
func staySilent(p *phone) heard {
	p.t.Helper()
	return p.listen(200*time.Millisecond, eventInput(mediav1.EventInput_NO_INPUT))
}

// holdTheLine listens for two seconds.
func holdTheLine(p *phone) heard {
	p.t.Helper()
	return p.listen(2 * time.Second)
}

// listen has the line open, in silence and in real time, and says what has been
// heard when the RPC is completed: after that time, unless the host does so before.
func (p *phone) listen(long time.Duration, last ...*mediav1.VoiceVARequest) heard {
	p.t.Helper()
	st := p.open()
	answers := make(chan heard, 1)
	go func() { answers <- listenTo(st) }()
	const frame = 20 * time.Millisecond
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for range long / frame {
		select {
		case h := <-answers:
			return h
		case <-tick.C:
			p.send(st, audioInput(bytes.Repeat([]byte{0xff}, 160)))
		}
	}
	for _, m := range last {
		p.send(st, m)
	}
	st.CloseSend()
	return <-answers
}

// interrupted presses a key while the bot speaks, and hears the second answer.
func interrupted(p *phone) heard {
	p.t.Helper()
	first := p.open()
	p.send(first, keysInput("1"))
	first.CloseSend()
	if m, err := first.Recv(); err != nil || m.GetResponseType() != mediav1.VoiceVAResponse_CHUNK {
		p.t.Errorf("the answer to interrupt begins with %v, %v", m, err)
	}
	second := p.press("2")
	if cut := listenTo(first); cut.err != nil || cut.finals != 1 {
		p.t.Errorf("the interrupted answer ended with %d FINALs, %v", cut.finals, cut.err)
	}
	if after := p.listen(500 * time.Millisecond); len(after.audio) > 0 {
		p.t.Errorf("%d bytes were heard when the answer was complete", len(after.audio))
	}
	return second
}

// hangUpOnFlood hangs up while far more is coming than can be heard.
func hangUpOnFlood(p *phone) heard {
	p.t.Helper()
	st := p.open()
	p.send(st, keysInput("1"))
	st.CloseSend()
	for range 5 {
		if _, err := st.Recv(); err != nil {
			p.t.Errorf("the flood ended with %v", err)
		}
	}
	if end := p.hangUp(); end.err != nil {
		p.t.Errorf("the hang-up got %v", end.err)
	}
	return listenTo(st)
}

// endProcess ends the process of the bot. A call beside this one learns of it with
// its next input.
func endProcess(p *phone) heard {
	p.t.Helper()
	beside := &phone{t: p.t, conn: p.conn, id: "beside", agent: p.agent}
	beside.start()
	last := p.press("5")
	got := beside.press("1")
	if got.err != nil || got.event.GetEventType() != mediav1.OutputEvent_TRANSFER_TO_AGENT {
		p.t.Errorf("the call beside it got %v, %v", got.event, got.err)
	}
	return last
}

// vanish cuts the connection in the middle of speech that the host has heard.
func vanish(p *phone) heard {
	p.t.Helper()
	st := p.open()
	p.send(st, audioInput(readWAV(p.t, helloFile).Data[:8000]))
	if m, err := st.Recv(); err != nil || m.GetOutputEvents()[0].GetEventType() != mediav1.OutputEvent_START_OF_INPUT {
		p.t.Errorf("speech got %v, %v", m, err)
	}
	p.conn.Close()
	return listenTo(st)
}
