package session

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/byova-host/byova-host/internal/audio"
)

const (
	// maxTraced is how many entries are kept of a call, and maxPast of how many calls
	// that have ended: at most 9 MiB for all of those, and usually less than 1.
	maxTraced = 512
	maxPast   = 64
	// maxNote is how much is kept of what a bot or a flow says, in bytes.
	maxNote = 200
	// maxTracedAudio is how much audio waits for one who reads a trace, in bytes.
	maxTracedAudio = 1 << 20
)

// tracer keeps what a call's bot was told and what it asked for, and hands it to those
// who follow. The session's feed writes. What a caller says or presses, and what a
// bot says, is handed to those who asked for it, from then on, and kept for nobody else.
type tracer struct {
	recording atomic.Bool // somebody wants content

	place   string          // of the process that has the call
	told    audio.Format    // of the audio that the bot is told
	formats [4]promptFormat // of the prompts that began last

	mu        sync.Mutex
	ring      []traced  // the last ones
	next      uint64    // the number of the next one; the first is 1
	open      [2]uint64 // the stretches of audio that go on, by number; 0: none does
	over      bool
	followers []*Trace
	contents  map[uint64]string // by the entries' numbers; nil: nobody wants any
	always    bool              // content is kept from the beginning
	listen    listener          // of the caller's audio
}

// traced is an entry as it is kept: without content.
type traced struct {
	at     time.Duration
	what   traceKind
	late   bool
	turn   uint64
	prompt uint64
	count  int
	length time.Duration
	note   string
}

type promptFormat struct {
	prompt uint64
	format audio.Format
}

// A stretch of audio is one entry, until something else happens.
const (
	callerStretch = iota
	botStretch
)

// TraceOptions say what of a call is traced.
type TraceOptions struct {
	Content bool // from now on also keys, texts, metadata and audio
	Follow  bool // also what is still to come
}

// Trace follows what happens in a call. One goroutine uses it.
type Trace struct {
	Call Call // as it was when the trace began

	tracer  *tracer
	options TraceOptions
	read    uint64 // the number of the next entry to be read
	since   uint64 // the number of the first entry whose content is told
	ready   chan struct{}
	close   func()

	audio []TraceAudio // under tracer.mu, as are those below
	bytes int
	lost  int
}

// TracePart is some of a trace, in order.
type TracePart struct {
	Missed  int // entries before it that are not kept any more
	Entries []TraceEntry
	Audio   []TraceAudio
	Lost    int // bytes of audio before it that were not read in time
}

// TraceAudio is a piece of what is heard in a call: mu-law at 8 kHz.
type TraceAudio struct {
	At   time.Duration
	Bot  bool   // it is the bot's, and plays behind what plays already
	Cut  bool   // the caller has interrupted: of the bot nothing is heard any more
	Data []byte // not to be changed
}

// follow begins a trace.
func (t *tracer) follow(call Call, o TraceOptions) *Trace {
	f := &Trace{Call: call, tracer: t, options: o, read: 1, ready: make(chan struct{}, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.since = t.number(); t.always {
		f.since = 1
	}
	f.close = sync.OnceFunc(func() { t.leave(f) })
	t.followers = append(t.followers, f)
	t.want()
	return f
}

// keepContent keeps content from the beginning, whether somebody asks for it or not.
func (t *tracer) keepContent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.always = true
	t.want()
}

func (t *tracer) leave(f *Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followers = slices.DeleteFunc(t.followers, func(other *Trace) bool { return other == f })
	t.want()
}

// want keeps content only while somebody wants it. It needs the lock.
func (t *tracer) want() {
	wanted := t.always || slices.ContainsFunc(t.followers, func(f *Trace) bool { return f.options.Content })
	t.recording.Store(wanted)
	switch {
	case !wanted:
		t.contents, t.listen = nil, listener{}
	case t.contents == nil:
		t.contents = map[uint64]string{}
	}
}

// number is that of the next entry. It needs the lock.
func (t *tracer) number() uint64 { return max(t.next, 1) }

// add keeps an entry, and its content for those who asked. It needs the lock.
func (t *tracer) add(e traced, content string) uint64 {
	n := t.number()
	t.next = n + 1
	e.note = shortNote(e.note)
	if len(t.ring) < maxTraced {
		t.ring = append(t.ring, e)
	} else {
		t.ring[(n-1)%maxTraced] = e
		delete(t.contents, n-maxTraced)
	}
	if content != "" && t.contents != nil {
		t.contents[n] = content
	}
	return n
}

// shortNote cuts a text at a whole character.
func shortNote(s string) string {
	if len(s) <= maxNote {
		return s
	}
	n := maxNote
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// put adds an entry that ends all stretches of audio.
func (t *tracer) put(e traced, content string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = [2]uint64{}
	t.add(e, content)
	t.wake()
}

// wake tells those who follow. It needs the lock.
func (t *tracer) wake() {
	for _, f := range t.followers {
		signal(f.ready)
	}
}

// heard adds audio to the stretch that is open, or begins one. This is the path of
// each frame of a call: it allocates nothing.
func (t *tracer) heard(side int, e traced) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.open[side]; n != 0 && t.number()-n <= maxTraced {
		if last := &t.ring[(n-1)%maxTraced]; last.turn == e.turn && last.prompt == e.prompt && last.late == e.late {
			last.count += e.count
			last.length += e.length
			return
		}
	}
	t.open[side] = t.add(e, "")
	t.wake() // the one before it, if there was one, is whole
}

// formatOf is the format of a prompt, if its audio has a length that is known.
func (t *tracer) formatOf(prompt uint64) (f audio.Format, known bool) {
	for _, p := range t.formats {
		if p.prompt == prompt {
			return p.format, p.format.Encoding != audio.WAVFile
		}
	}
	return f, false
}

// finish says that nothing comes any more.
func (t *tracer) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.open = true, [2]uint64{}
	t.ring = slices.Clip(t.ring)
	t.wake()
}

// Next returns what there is to be read, and waits for it until ctx ends. At the end
// of the call, and without Follow at the end of what is kept, it returns io.EOF.
func (f *Trace) Next(ctx context.Context) (TracePart, error) {
	for {
		part, over := f.take()
		switch {
		case part.Missed > 0 || part.Lost > 0 || len(part.Entries) > 0 || len(part.Audio) > 0:
			return part, nil
		case over || !f.options.Follow:
			return TracePart{}, io.EOF
		}
		select {
		case <-f.ready:
		case <-ctx.Done():
			return TracePart{}, context.Cause(ctx)
		}
	}
}

// Close ends the trace.
func (f *Trace) Close() { f.close() }

// take takes what waits.
func (f *Trace) take() (part TracePart, over bool) {
	t := f.tracer
	t.mu.Lock()
	defer t.mu.Unlock()
	end := t.number()
	if f.options.Follow { // a stretch that goes on is told at its end
		for _, n := range t.open {
			if n != 0 {
				end = min(end, n)
			}
		}
	}
	if kept := t.number() - uint64(len(t.ring)); f.read < kept {
		part.Missed = int(kept - f.read)
		f.read = kept
	}
	for ; f.read < end; f.read++ {
		e := t.ring[(f.read-1)%maxTraced].entry()
		if f.options.Content && f.read >= f.since {
			e.Content = t.contents[f.read]
		}
		part.Entries = append(part.Entries, e)
	}
	part.Audio, part.Lost = f.audio, f.lost
	f.audio, f.bytes, f.lost = nil, 0, 0
	return part, t.over
}
