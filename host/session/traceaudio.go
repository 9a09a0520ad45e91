package session

import (
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// listener takes the caller's audio for those who asked for it.
type listener struct {
	from      audio.Format // of what converter converts
	converter *audio.Converter
}

// caller hands on what the caller says.
func (t *tracer) caller(now time.Duration, data []byte, format audio.Format) {
	format = format.Normal()
	t.mu.Lock()
	l := &t.listen
	if l.converter == nil || l.from != format {
		c, err := audio.NewConverter(format)
		if err != nil {
			t.mu.Unlock()
			return // nor does anybody else hear it
		}
		l.converter, l.from = c, format
	}
	sound, _ := l.converter.Convert(nil, data) // only files fail, and the caller sends none
	t.mu.Unlock()
	t.hand(TraceAudio{At: max(0, now-audio.Telephone.Duration(len(sound))), Data: sound})
}

// bot hands on what the caller is sent.
func (t *tracer) bot(now time.Duration, r Response) {
	if r.Type == Chunk && r.Text == nil && len(r.Audio) > 0 {
		t.hand(TraceAudio{At: now, Bot: true, Data: slices.Clone(r.Audio)})
	}
	for _, c := range r.Clips {
		if c.Text == nil && len(c.Audio) > 0 {
			t.hand(TraceAudio{At: now, Bot: true, Data: slices.Clone(c.Audio)})
		}
	}
}

// hand gives audio to those who asked for it. One who does not read it in time loses it.
func (t *tracer) hand(a TraceAudio) {
	if !t.recording.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.followers {
		if !f.options.Content {
			continue
		}
		if f.bytes+len(a.Data) > maxTracedAudio {
			f.lost += len(a.Data)
			continue
		}
		f.audio = append(f.audio, a)
		f.bytes += len(a.Data)
		signal(f.ready)
	}
}
