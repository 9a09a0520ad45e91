package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/internal/audio"
)

const (
	// longestRecording is how much of a call is recorded.
	longestRecording = time.Hour
	// jitter is how much later than it was said the caller's audio may come.
	jitter = 200 * time.Millisecond
	// silence in mu-law.
	silence = 0xff
)

// recording is both sides of what is heard in a call, from when it began to be traced.
// The nil one records nothing.
type recording struct {
	file        *os.File
	left, right []byte // mu-law, 8 kHz: caller and bot
	begun       bool
	origin      time.Duration
}

// newRecording makes the file, which only its user may read, beside those that are there.
func newRecording(conversation string) (*recording, error) {
	base := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, conversation)
	const most = 100
	for n := 1; ; n++ {
		name := base + ".wav"
		if n > 1 {
			name = fmt.Sprintf("%s-%d.wav", base, n)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the name is made of letters, digits, - and _
		if err == nil {
			return &recording{file: f}, nil
		}
		if !errors.Is(err, fs.ErrExist) || n == most {
			return nil, fmt.Errorf("record the call: %w", err)
		}
	}
}

func (r *recording) name() string {
	if r == nil {
		return ""
	}
	return r.file.Name()
}

// add puts a piece where it is heard.
func (r *recording) add(a admin.TraceAudio) {
	if r == nil {
		return
	}
	at := time.Duration(a.At * float64(time.Millisecond))
	if !r.begun {
		r.begun, r.origin = true, at
	}
	from := audio.Telephone.Bytes(max(0, at-r.origin))
	switch {
	case a.Cut:
		r.right = r.right[:min(from, len(r.right))]
	case a.Bot:
		r.right = extend(r.right, from, a.Data)
	case from > len(r.left)+audio.Telephone.Bytes(jitter):
		r.left = extend(r.left, from, a.Data)
	default:
		r.left = extend(r.left, 0, a.Data)
	}
}

// extend adds sound at a place, or behind what is there.
func extend(side []byte, from int, sound []byte) []byte {
	most := audio.Telephone.Bytes(longestRecording)
	for len(side) < min(from, most) {
		side = append(side, silence)
	}
	return append(side, sound[:max(0, min(len(sound), most-len(side)))]...)
}

// save writes what was heard.
func (r *recording) save() error {
	if r == nil {
		return nil
	}
	both := make([]int16, 2*max(len(r.left), len(r.right)))
	for channel, side := range [][]byte{r.left, r.right} {
		for i, s := range audio.DecodeMuLaw(nil, side) {
			both[2*i+channel] = s
		}
	}
	_, err := r.file.Write(audio.AppendWAV(nil, audio.WAV{
		Format:   audio.Format{Encoding: audio.Linear16, Rate: audio.Telephone.Rate},
		Channels: 2,
		Data:     audio.EncodeLinear16(nil, both),
	}))
	if err := errors.Join(err, r.file.Close()); err != nil {
		return fmt.Errorf("record the call: %w", err)
	}
	return nil
}
