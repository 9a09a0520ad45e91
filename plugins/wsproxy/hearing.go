package main

import (
	"bytes"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/sdk/plugin"
)

const (
	// highWater is how many bytes may wait for the network before the caller's audio
	// waits here, where it can still be dropped.
	highWater = 32 << 10
	// lateness is how late the caller's audio may come before silence takes its place:
	// it comes in pieces of up to 100 ms.
	lateness = 240 * time.Millisecond
	// maxInsert is the most silence that takes the place of audio at once.
	maxInsert = time.Second
	// maxEvents is how many events may wait for a backend that is not there.
	maxEvents = 1000
)

// hearing is what goes from the caller to the backend: audio in frames of 20 ms without
// a gap, and events at their place between them.
type hearing struct {
	began    time.Time         // the session, by our clock; zero before its time is known
	at       time.Duration     // in the session: up to where frames were made
	partial  []byte            // the beginning of a frame
	input    plugin.Format     // what the caller's audio is
	toFrames *plugin.Converter // of it; nil where it is mu-law

	waiting []waiting // for the connection
	audio   int       // frames among it
	events  int       // and events
	dropped int       // frames since the last report
}

// waiting is a frame or an event.
type waiting struct {
	frame []byte
	event adapter.Event
}

var silence = bytes.Repeat([]byte{0xff}, frameBytes)

// sync sets our clock by the first event: a call that was resumed is older than its
// start here.
func (c *hearing) sync(now time.Time, at time.Duration) {
	if c.began.IsZero() {
		c.began, c.at = now.Add(-at), at
	}
}

// heard takes the caller's audio. A gap before it is filled with silence, so that the
// backend's time is the call's.
func (b *bridge) heard(now time.Time, e plugin.AudioInputEvent) {
	data := b.toMuLaw(e.Audio)
	b.sync(now, e.At)
	if end := e.At + lasts(len(data)); now.Sub(b.began) < end {
		b.began = now.Add(-end) // what comes after a crash comes all at once
	}
	if gap := e.At - b.at - lasts(len(b.partial)); gap > 2*frameTime && b.ready {
		b.insert(gap)
	}
	b.partial = append(b.partial, data...)
	for len(b.partial) >= frameBytes {
		b.frame(b.partial[:frameBytes:frameBytes])
		b.partial = b.partial[frameBytes:]
	}
	if len(b.partial) == 0 {
		b.partial = nil
	}
}

// toMuLaw converts what is no telephone audio.
func (c *hearing) toMuLaw(a plugin.Audio) []byte {
	if a.Format != c.input {
		c.input = a.Format
		c.toFrames, _ = converterFor(a.Format) // the host's formats all convert
	}
	if c.toFrames == nil {
		return bytes.Clone(a.Data)
	}
	return c.toFrames.Convert(nil, a.Data)
}

// lasts is how long mu-law audio plays.
func lasts(bytes int) time.Duration { return time.Duration(bytes) * frameTime / frameBytes }

// insert puts silence in for audio that did not come.
func (b *bridge) insert(gap time.Duration) {
	if len(b.partial) > 0 {
		b.frame(append(b.partial, silence[len(b.partial):]...))
		b.partial = nil
	}
	if gap > maxInsert { // more would be a burst that no backend expects
		b.at += gap - maxInsert
		gap = maxInsert
	}
	for ; gap >= frameTime; gap -= frameTime {
		b.frame(silence)
	}
}

// fill has silence take the place of audio that is late: backends that hear nothing
// think that the line is dead, and their detectors of speech do not find its end.
func (b *bridge) fill(now time.Time) {
	if !b.ready || b.began.IsZero() {
		return
	}
	if late := now.Sub(b.began) - b.at; late > lateness {
		b.insert(late - lateness/2)
	}
}

// frame passes 20 ms on. It is kept.
func (b *bridge) frame(frame []byte) {
	b.at += frameTime
	if b.passes() {
		b.session.Hear(frame)
		return
	}
	b.waiting = append(b.waiting, waiting{frame: frame})
	b.audio++
	b.bound()
}

// tell passes an event on.
func (b *bridge) tell(e adapter.Event) {
	if b.passes() {
		b.session.Tell(e)
		return
	}
	b.waiting = append(b.waiting, waiting{event: e})
	if b.events++; b.events > maxEvents {
		b.Fail(true, errNotTaking)
	}
}

// passes says whether something can go to the backend at once, and not behind what
// waits.
func (b *bridge) passes() bool { return b.writable() && len(b.waiting) == 0 }

func (b *bridge) writable() bool { return b.ready && b.conn.Queued() < highWater }

// bound keeps what waits within the setting buffer. While no connection is there the
// oldest is dropped: what was said last is what counts.
func (b *bridge) bound() {
	most := int(time.Duration(b.settings.Buffer) / frameTime)
	if b.audio <= most {
		return
	}
	if b.ready && b.settings.Overflow == "disconnect" {
		b.loseSlow()
		return
	}
	b.dropOldest(b.audio - most)
}

func (c *hearing) dropOldest(frames int) {
	kept := c.waiting[:0]
	for _, w := range c.waiting {
		if w.frame != nil && frames > 0 {
			frames--
			c.audio--
			c.dropped++
			continue
		}
		kept = append(kept, w)
	}
	clear(c.waiting[len(kept):])
	c.waiting = kept
}

// drain passes on what has waited, as far as the connection takes it.
func (b *bridge) drain() {
	passed := 0
	for _, w := range b.waiting {
		if !b.writable() {
			break
		}
		passed++
		if w.frame != nil {
			b.audio--
			b.session.Hear(w.frame)
		} else {
			b.events--
			b.session.Tell(w.event)
		}
	}
	clear(b.waiting[:passed])
	b.waiting = b.waiting[passed:]
	if len(b.waiting) == 0 {
		b.waiting = nil
		b.reportDropped()
	}
}

// reportDropped says how much did not get through, once the backend takes audio again.
func (b *bridge) reportDropped() {
	if b.dropped == 0 {
		return
	}
	ms := b.dropped * int(frameTime/time.Millisecond)
	b.call.Log().Warn("audio of the caller was dropped: the backend did not take it in time",
		"bytes", b.dropped*frameBytes, "ms", ms)
	b.report("wsproxy_dropped_ms_total", float64(ms))
	b.dropped = 0
}
