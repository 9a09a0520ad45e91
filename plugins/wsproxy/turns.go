package main

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// turnWait is how long the host may take to open the turn for speech that the backend
// has reported.
const turnWait = 500 * time.Millisecond

// turns follows the host's turns, and decides when an answer is complete.
type turns struct {
	turn       uint64 // the open one, or 0
	kind       plugin.TurnKind
	opened     time.Time // when it was
	inputOpen  bool
	spoke      bool      // something of the answer was played
	answerBy   time.Time // after that, no answer is waited for
	ended      time.Time // the caller's input; zero once it was answered
	unanswered int       // inputs in a row

	// holding keeps the backend's audio back: the caller has just cut it, and what
	// still comes was meant for before, until the backend says otherwise or the
	// caller has finished.
	holding  bool
	cut      bool      // just now: the turn that follows is what cut it
	awaiting time.Time // until when the turn is waited for that the backend's report opens

	leave  *leaving
	gone   bool   // the call was left
	ending string // how the call ended
}

// leaving is how the bot's part ends, once what it said was heard.
type leaving struct {
	adapter.Leave
	kind  leaveKind
	name  string
	until time.Time // not to be waited for any longer
}

type leaveKind int

const (
	transfer leaveKind = iota
	end
	custom
)

// departTime is how long a farewell may take.
const departTime = 10 * time.Second

// held says that nothing is to be played just now.
func (b *bridge) held(now time.Time) bool {
	return b.holding || now.Before(b.awaiting)
}

// resumed takes up a call that an earlier process had. What that was saying stays as
// far as it was heard.
func (b *bridge) resumed(r *plugin.Resumption) {
	if r != nil && r.InterruptedTurn != 0 {
		b.check(b.call.Done(r.InterruptedTurn))
	}
}

func (b *bridge) turnStarted(now time.Time, e plugin.TurnStartedEvent) {
	b.turn, b.kind, b.inputOpen, b.spoke, b.opened = e.Turn, e.Kind, true, false, now
	b.holding = b.cut && !b.detects
	b.cut, b.awaiting = false, time.Time{}
	b.tell(adapter.TurnStarted{Turn: e.Turn, Kind: e.Kind})
	if e.Kind == plugin.TurnSpeech && !b.detects {
		b.tell(adapter.CallerSpeech{Edge: plugin.SpeechStart, Turn: e.Turn})
	}
	b.release(now)
}

func (b *bridge) inputEnded(now time.Time, e plugin.InputEndedEvent) {
	b.inputOpen, b.holding = false, false
	if b.kind == plugin.TurnSpeech && !b.detects {
		b.tell(adapter.CallerSpeech{Edge: plugin.SpeechEnd, Turn: e.Turn})
	}
	switch {
	case b.kind == plugin.TurnStart:
		b.answerBy = now.Add(time.Duration(b.settings.GreetingTimeout))
	case b.kind == plugin.TurnNoInput && !b.traits.HearsNoInput, b.kind == plugin.TurnCustom && !b.traits.HearsCustom:
		b.answerBy = now // nobody was told
	default:
		b.answerBy = now.Add(time.Duration(b.settings.AnswerTimeout))
	}
	if b.kind == plugin.TurnSpeech || b.kind == plugin.TurnDTMF {
		b.ended = now
		if e.SpeechEnd > 0 {
			b.ended = now.Add(min(0, e.SpeechEnd-e.At))
		}
	}
	b.askAgain()
	b.release(now)
	b.settle(now)
}

// bargedIn takes note that the host has cut what played.
func (b *bridge) bargedIn(now time.Time, e plugin.BargeInEvent) {
	b.cut = true
	known := now.Before(b.awaiting) // the backend has said so itself
	cut := b.flush(now)
	if known {
		return
	}
	cut.Turn = e.Turn
	b.tell(cut)
}

func (b *bridge) turnEnded(e plugin.TurnEndedEvent) {
	b.tell(adapter.TurnEnded{Turn: e.Turn, Reason: e.Reason})
	if b.promptTurn == e.Turn {
		b.prompt = nil // closed with its turn
	}
	if b.turn == e.Turn {
		b.turn = 0
	}
	b.save()
}

// Speech implements adapter.Line.
func (b *bridge) Speech(edge plugin.Edge) {
	if !b.detects || b.gone {
		return
	}
	if edge == plugin.SpeechStart {
		if b.turn != 0 && b.inputOpen && b.kind == plugin.TurnSpeech {
			return // it goes on
		}
		b.awaiting = time.Now().Add(turnWait)
	}
	b.check(b.call.Endpoint(edge, 0))
}

// spokeFirst takes note of audio that was played.
func (b *bridge) spokeFirst(now time.Time) {
	b.unanswered = 0
	b.spoke = true
	if !b.ended.IsZero() {
		b.report("wsproxy_first_audio_seconds", max(0, now.Sub(b.ended).Seconds()))
		b.ended = time.Time{}
	}
}

// settle completes the answer when there is no more of it.
func (b *bridge) settle(now time.Time) {
	quiet := now.Sub(later(b.came, b.queue.Ends())) >= time.Duration(b.settings.Quiet)
	switch {
	case b.turn == 0:
		if b.queue.Waiting() == 0 && quiet {
			b.closePrompt()
		}
	case b.inputOpen || b.leave != nil:
	case !b.spoke:
		if b.queue.Waiting() == 0 && !now.Before(b.answerBy) {
			b.unheard()
			b.done()
		}
	case b.queue.Waiting() == 0 && (b.complete || quiet):
		b.done()
	case b.settings.QuietLevel != 0 && now.Sub(b.loud) >= time.Duration(b.settings.Quiet):
		b.flush(now) // the rest is background
		b.done()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// askAgain asks for the answer to an input that an earlier connection has heard and not
// answered.
func (b *bridge) askAgain() {
	due := b.turn != 0 && !b.inputOpen && !b.spoke && (b.kind == plugin.TurnSpeech || b.kind == plugin.TurnDTMF)
	if due && b.ready && b.reopened.After(b.opened) {
		b.tell(adapter.AnswerDue{})
	}
}

// done completes the answer to the open turn.
func (b *bridge) done() {
	b.closePrompt()
	b.check(b.call.Done(b.turn))
	b.turn, b.ended = 0, time.Time{}
}

// unheard counts an input that was not answered. Not every sound is: but a backend that
// never answers leaves the caller in silence.
func (b *bridge) unheard() {
	if b.kind != plugin.TurnSpeech && b.kind != plugin.TurnDTMF {
		return
	}
	b.report("wsproxy_unanswered_total", 1)
	if b.unanswered++; b.unanswered == b.settings.MaxUnanswered {
		b.fail(fmt.Errorf("the backend has not answered %d inputs in a row", b.unanswered))
	}
}

// Transfer implements adapter.Line.
func (b *bridge) Transfer(l adapter.Leave) { b.leaveCall(transfer, "", l) }

// End implements adapter.Line.
func (b *bridge) End(l adapter.Leave) { b.leaveCall(end, "", l) }

// Custom implements adapter.Line.
func (b *bridge) Custom(name string, parameters map[string]any) {
	b.leaveCall(custom, name, adapter.Leave{Metadata: parameters})
}

// Stay implements adapter.Line.
func (b *bridge) Stay() { b.leave = nil }

func (b *bridge) leaveCall(kind leaveKind, name string, l adapter.Leave) {
	if b.leave == nil && !b.gone {
		b.leave = &leaving{Leave: l, kind: kind, name: name, until: time.Now().Add(departTime)}
		b.release(time.Now())
	}
}

// depart leaves the call once the farewell is on its way: Webex plays it before it acts.
func (b *bridge) depart(now time.Time) {
	l := b.leave
	if l == nil || b.gone {
		return
	}
	said := b.queue.Waiting() == 0 && (b.complete || !b.ready || now.Sub(b.came) >= time.Duration(b.settings.Quiet))
	if !said && now.Before(l.until) {
		return
	}
	b.closePrompt()
	b.leave = nil
	var err error
	switch l.kind {
	case transfer:
		err = b.call.Transfer(l.Reason, plugin.TransferOptions{Metadata: l.Metadata, Transcript: b.transcript(), Summary: l.Summary})
	case end:
		err = b.call.End(plugin.EndOptions{Metadata: reasoned(l), Transcript: b.transcript(), Summary: l.Summary})
	case custom:
		b.check(b.call.Custom(b.turn, l.name, l.Metadata))
		b.turn = 0
		return // the flow may come back
	}
	if err != nil && !errors.Is(err, plugin.ErrCallEnded) {
		b.fail(fmt.Errorf("leave the call as the backend wants: %w", err))
		return
	}
	b.gone, b.over, b.ending = true, true, "bot"
}

// reasoned are the metadata with the reason among them.
func reasoned(l *leaving) map[string]any {
	if l.Reason == "" {
		return l.Metadata
	}
	all := map[string]any{"reason": l.Reason}
	maps.Copy(all, l.Metadata)
	return all
}
