package session

import (
	"fmt"
	"slices"

	"github.com/byova-host/byova-host/internal/audio"
)

// maxHeld bounds the audio of an answer in WAV mode, which waits until it is
// whole: 2 MiB are more than four minutes. Webex's own limit is not published;
// gRPC's default for a message is twice this.
const maxHeld = 2 << 20

// maxUnread bounds that together with the answers before it that have not left,
// on whichever RPC: a caller's side that does not read may still send input.
const maxUnread = 2 * maxHeld

// held is what the next answer will say, in WAV mode.
type held struct {
	clips []Clip
	size  int
}

// add appends audio to its prompt.
func (h *held) add(prompt uint64, bargeIn bool, data []byte) {
	h.size += len(data)
	i := slices.IndexFunc(h.clips, func(c Clip) bool { return c.prompt == prompt })
	if i < 0 {
		h.clips = append(h.clips, Clip{BargeIn: bargeIn, prompt: prompt})
		i = len(h.clips) - 1
	}
	h.clips[i].Audio = append(h.clips[i].Audio, data...)
}

// full says why so much more cannot be held, if it cannot.
func (s *state) full(bytes int) string {
	switch {
	case s.held.size+s.unread+bytes > maxUnread:
		return "the answers before it have not been read yet"
	case s.held.size+bytes > maxHeld:
		return fmt.Sprintf("the answer is longer than %v, which is the most in WAV mode", audio.Telephone.Duration(maxHeld))
	}
	return ""
}

// dropHeld takes back what is held of a prompt, or of all for 0.
func (s *state) dropHeld(prompt uint64) {
	s.held.clips = slices.DeleteFunc(s.held.clips, func(c Clip) bool {
		if prompt != 0 && c.prompt != prompt {
			return false
		}
		s.held.size -= c.bytes()
		s.play.release(c.prompt, 0)
		return true
	})
}

// takeHeld is all that is held, which is on its way to the wire from now on.
func (s *state) takeHeld() []Clip {
	clips := s.held.clips
	s.held = held{}
	for _, c := range clips {
		s.play.release(c.prompt, c.bytes())
	}
	return clips
}
