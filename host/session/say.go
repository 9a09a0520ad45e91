package session

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/byova-host/byova-host/internal/audio"
)

// Voice speaks what bots say as text.
type Voice interface {
	// Speak writes mu-law at 8 kHz to w while it is made. It waits while w does, and
	// returns when all is written, or soon after ctx ends.
	Speak(ctx context.Context, t Text, w io.Writer) error
}

// Text is something to be spoken.
type Text struct {
	Text     string // plain, or SSML when it begins with <speak
	Language string // BCP 47; empty: nobody has said
	Voice    string // by the engine's name; empty: its own
}

// IsSSML says whether the text is an SSML document.
func (t Text) IsSSML() bool { return strings.HasPrefix(strings.TrimSpace(t.Text), "<speak") }

// TextMode says what becomes of a bot's texts.
type TextMode uint8

// The modes of texts.
const (
	SpeakText  TextMode = iota // the host speaks them
	PassTextOn                 // Webex does
)

// saying is a text that is being spoken. What the bot does behind it waits.
type saying struct {
	prompt  uint64 // 0: nothing is being spoken
	number  int    // of the speech: what still comes of an earlier one is late
	command Command
	backlog []input // commands, and the loss of the process
	leave   bool    // one of them ends the bot's part
}

// mayOvertake says that a command does not wait until a text before it was spoken.
func mayOvertake(c Command) bool {
	switch c.Body.(type) {
	case StartPrompt, PromptAudio, Done, SetInput, Leave, GiveUp, Suspended:
		return false
	}
	return true
}

// say has a text spoken.
func (s *state) say(now time.Duration, c Command, p *prompt, text Text) {
	if text.Language == "" {
		text.Language = s.Language
	}
	if text.Language == "" {
		text.Language = s.callLanguage
	}
	text.Voice = s.VoiceName
	if s.Texts == PassTextOn {
		s.passOn(now, c, p, text)
		return
	}
	s.saying.prompt, s.saying.command = p.id, c
	s.saying.number++
	s.act(action{kind: speak, number: s.saying.number, text: text})
}

// charactersASecond is how fast texts are taken to be spoken that Webex speaks.
const charactersASecond = 15

// longestPassedOn is the longest text that Webex is handed, in bytes: as much as the host
// would speak.
const longestPassedOn = 10_000

// passOn has Webex speak a text.
func (s *state) passOn(now time.Duration, c Command, p *prompt, text Text) {
	p.ended = true
	if n := len(text.Text); n > longestPassedOn {
		s.refuse(now, c, "prompt", fmt.Sprintf("the text has %d bytes, and at most %d are spoken", n, longestPassedOn))
		s.playOn(now, c, p, slices.Clone(s.Unspoken), 0)
		return
	}
	estimate := audio.Telephone.Bytes(time.Duration(len(text.Text)) * time.Second / charactersASecond)
	if p.turn != 0 && s.turn != nil && p.turn == s.turn.id {
		s.stopFilling()
	}
	if s.Answers == WAV {
		if why := s.full(estimate); why != "" {
			s.refuse(now, c, "prompt", why)
			return
		}
		p.held = true
		s.held.clips = append(s.held.clips, Clip{Text: &text, BargeIn: p.bargeIn, prompt: p.id, spoken: estimate})
		s.held.size += estimate
		return
	}
	s.sendAudio(now, p, Response{Type: Chunk, Text: &text, BargeIn: p.bargeIn, prompt: p.id, spoken: estimate})
}

// spoken takes a piece of the speech of a text, or its end.
func (s *state) spoken(now time.Duration, in *input) {
	if s.saying.prompt == 0 || in.number != s.saying.number {
		return // cut meanwhile
	}
	c := s.saying.command
	p := s.play.find(s.saying.prompt)
	if p == nil {
		s.hush()
		return
	}
	data := in.speech
	if in.over {
		p.ended = true
		s.saying.prompt = 0
		if in.err != nil {
			s.refuse(now, c, "prompt", in.err.Error())
			data = slices.Clone(s.Unspoken)
		}
	}
	s.playOn(now, c, p, data, 0)
	switch {
	case in.over:
	case p.ended: // the answer can hold no more of it
		s.hush()
	case s.Answers == WAV:
		s.act(action{kind: allow, bytes: len(data)}) // held does bound it
	}
}

// hush ends the speaking of a text. What waits behind it goes on with the next
// catchUp.
func (s *state) hush() {
	if s.saying.prompt == 0 {
		return
	}
	if p := s.play.find(s.saying.prompt); p != nil {
		p.ended = true
	}
	s.saying.prompt = 0
	s.act(action{kind: hush})
}

// catchUp carries out what waited for a text to be spoken, up to the next text.
func (s *state) catchUp(now time.Duration) {
	for s.saying.prompt == 0 && len(s.saying.backlog) > 0 && s.phase != dead {
		next := s.saying.backlog[0]
		s.saying.backlog = s.saying.backlog[1:]
		if next.kind == lost {
			s.lost(now, next.number, next.err)
			continue
		}
		s.command(now, &next)
	}
	if len(s.saying.backlog) == 0 {
		s.saying.backlog, s.saying.leave = nil, false
	}
}

// await keeps what came behind a text that is being spoken. Audio is bounded by credit,
// and the rest by what may wait for a session at all. That the bot leaves is certain from
// then on, whatever becomes of the text and its turn.
func (s *state) await(now time.Duration, in *input) {
	kept := *in
	if _, leaves := in.command.Body.(Leave); leaves {
		if s.late(in.command) {
			s.drop(now, in.command)
			return
		}
		s.saying.leave, kept.command.Turn = true, 0
	}
	if s.saying.backlog = append(s.saying.backlog, kept); len(s.saying.backlog) > maxCommands {
		s.fallBack(now, botFailed, errFlood.Error())
	}
}

// clear drops what has not left of a prompt, or of all for 0, and what waits behind a
// text as well.
func (s *state) clear(now time.Duration, id uint64) {
	switch id {
	case 0:
		for s.saying.prompt != 0 || len(s.saying.backlog) > 0 && s.phase != dead {
			s.hush()
			s.catchUp(now)
		}
	case s.saying.prompt:
		s.hush()
	default:
		s.saying.backlog = slices.DeleteFunc(s.saying.backlog, func(in input) bool {
			switch body := in.command.Body.(type) {
			case PromptAudio:
				if in.command.Prompt == id {
					s.unplay(now, len(body.Data))
					return true
				}
			case StartPrompt:
				return in.command.Prompt == id
			}
			return false
		})
	}
	if s.phase != dead {
		s.dropAudio(now, id)
	}
}

// dropBacklog drops what waits behind a text: the bot's part is over.
func (s *state) dropBacklog(now time.Duration) {
	s.hush()
	for _, in := range s.saying.backlog {
		if in.kind == commanded {
			s.drop(now, in.command)
		}
	}
	s.saying.backlog, s.saying.leave = nil, false
}

// maxSpoken bounds the speech of a text that was made and has not left, in bytes: 8 s.
const maxSpoken = 64 << 10

// speaker carries the speech of one text into the session.
type speaker struct {
	session *Session
	number  int
	ctx     context.Context
	cancel  context.CancelFunc
	window  *semaphore.Weighted
	ahead   atomic.Int64 // bytes of the window that are taken
}

// startSpeaking begins to speak a text. The session waits for the goroutine.
func (s *Session) startSpeaking(number int, text Text) {
	sp := &speaker{session: s, number: number, window: semaphore.NewWeighted(maxSpoken)}
	sp.ctx, sp.cancel = context.WithCancel(s.ctx)
	s.speaker = sp
	s.helpers.Go(func() {
		defer sp.cancel()
		err := s.voice.Speak(sp.ctx, text, sp)
		s.inputs.Put(input{kind: spoken, number: number, over: true, err: err})
	})
}

// Write implements io.Writer for mu-law.
func (sp *speaker) Write(b []byte) (int, error) {
	const piece = 8 << 10
	for chunk := range slices.Chunk(b, piece) {
		if err := sp.window.Acquire(sp.ctx, int64(len(chunk))); err != nil {
			return 0, context.Cause(sp.ctx)
		}
		sp.ahead.Add(int64(len(chunk)))
		sp.session.inputs.Put(input{kind: spoken, number: sp.number, speech: slices.Clone(chunk)})
	}
	return len(b), nil
}

// allow makes room for more speech. What is left of an earlier prompt of that number may
// come on top, and makes none.
func (sp *speaker) allow(bytes int) {
	n := min(int64(bytes), sp.ahead.Load())
	sp.ahead.Add(-n)
	sp.window.Release(n)
}

// voiceless speaks nothing: there is no voice.
type voiceless struct{}

func (voiceless) Speak(context.Context, Text, io.Writer) error {
	return fmt.Errorf("text cannot be spoken: this host has no speech engine; send audio")
}
