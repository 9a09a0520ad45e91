package plugintest

import (
	"slices"
	"strings"
	"time"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/caller"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// Where an answer begins.
const (
	now     = -1 // with what comes next
	pending = -2 // with the next turn
	waiting = -3 // with the next turn once the caller has begun
)

// Answer is what the bot did after an act of the caller, up to the next act. Its methods
// wait until the answer is complete and was heard.
type Answer struct {
	call       *Call
	next       *Answer
	interrupts bool
	done       bool

	// Under call.mu.
	from                      int // in call.moments
	failureRead, refusalsRead bool
}

// newAnswer begins an answer, which ends the one before.
func (c *Call) newAnswer(from int) *Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from == now {
		from = len(c.moments)
	}
	a := &Answer{call: c, from: from, interrupts: from == waiting}
	if n := len(c.answers); n > 0 {
		c.answers[n-1].next = a
	}
	c.answers = append(c.answers, a)
	return a
}

// begun says that the caller does now what is answered with the next turn.
func (a *Answer) begun() {
	a.call.mu.Lock()
	defer a.call.mu.Unlock()
	a.from = pending
}

// note keeps what has happened.
func (c *Call) note(m moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, turn := m.event.(session.TurnStarted); turn {
		for _, a := range slices.Backward(c.answers) { // the last act may not have begun
			if a.from == pending {
				a.from = len(c.moments)
				break
			}
		}
	}
	c.moments = append(c.moments, m)
}

// of is the answer that a moment belongs to. Call it under the lock.
func (c *Call) of(moment int) (of *Answer) {
	for _, a := range c.answers {
		if a.from >= 0 && a.from <= moment {
			of = a
		}
	}
	return of
}

// wait waits until the answer is complete and was heard.
func (a *Answer) wait() {
	a.call.host.t.Helper()
	c := a.call
	if a.done {
		return
	}
	a.done = true
	if next := a.next; next != nil && next.interrupts {
		next.wait() // when that is over, so is this
		return
	}
	if a.next != nil || c.hung {
		return
	}
	heard := make(chan struct{})
	for _, step := range []caller.Step{caller.WaitAnswer(), caller.Do(func() { close(heard) })} {
		select {
		case c.steps <- step:
		case <-c.over:
			return
		}
	}
	select {
	case <-heard:
	case <-c.over:
	}
}

// moments are those of the answer.
func (a *Answer) moments() (all []moment) {
	a.call.host.t.Helper()
	a.wait()
	c := a.call
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, m := range c.moments {
		if c.of(i) == a {
			all = append(all, m)
		}
	}
	return all
}

// last is the last command of its kind in the answer.
func last[T session.CommandBody](a *Answer) (body T, found bool) {
	a.call.host.t.Helper()
	for _, m := range a.moments() {
		if b, ok := m.command.Body.(T); ok {
			body, found = b, true
		}
	}
	return body, found
}

// Prompt is something that the bot said or played.
type Prompt struct {
	Text            string       // that the host was to speak; empty for audio
	Audio           plugin.Audio // as the bot handed it over
	Uninterruptible bool
	Cut             bool          // by the caller
	Heard           time.Duration // of one that was cut: how much of it was probably heard
}

// Prompts are what the bot said and played, in order.
func (a *Answer) Prompts() []Prompt {
	a.call.host.t.Helper()
	var all []Prompt
	at := map[uint64]int{} // by the prompt's number
	for _, m := range a.moments() {
		switch b := m.command.Body.(type) {
		case session.StartPrompt:
			at[m.command.Prompt] = len(all)
			format := plugin.Format{Encoding: plugin.Encoding(b.Format.Encoding), Rate: b.Format.Rate, Channels: b.Format.Channels}
			all = append(all, Prompt{Text: b.Text, Audio: plugin.Audio{Format: format}, Uninterruptible: !b.BargeIn})
		case session.PromptAudio:
			if i, ok := at[m.command.Prompt]; ok {
				all[i].Audio.Data = append(all[i].Audio.Data, b.Data...)
			}
		}
	}
	for prompt, heard := range a.call.cuts() {
		if i, ok := at[prompt]; ok {
			all[i].Cut, all[i].Heard = true, heard
		}
	}
	return all
}

// cuts are the prompts that the caller has cut, and how much of them was heard.
func (c *Call) cuts() map[uint64]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	cuts := map[uint64]time.Duration{}
	for _, m := range c.moments {
		if b, ok := m.event.(session.BargedIn); ok {
			cuts[b.Prompt] = b.Heard
		}
	}
	return cuts
}

// Text is all that the bot said as text, with a space between two texts.
func (a *Answer) Text() string {
	a.call.host.t.Helper()
	var said []string
	for _, p := range a.Prompts() {
		if p.Text != "" {
			said = append(said, p.Text)
		}
	}
	return strings.Join(said, " ")
}

// Played is how long the audio is that the bot played, without its texts.
func (a *Answer) Played() (length time.Duration) {
	a.call.host.t.Helper()
	for _, p := range a.Prompts() {
		if p.Text == "" {
			length += p.Audio.Duration()
		}
	}
	return length
}

// Turns are the turns that were answered: one for most acts, none for speech that was
// not heard.
func (a *Answer) Turns() (kinds []plugin.TurnKind) {
	a.call.host.t.Helper()
	for _, m := range a.moments() {
		if b, ok := m.event.(session.TurnStarted); ok {
			kinds = append(kinds, turnKinds[b.Cause])
		}
	}
	return kinds
}

var turnKinds = map[session.TurnCause]plugin.TurnKind{
	session.ByStart: plugin.TurnStart, session.BySpeech: plugin.TurnSpeech, session.ByDTMF: plugin.TurnDTMF,
	session.ByNoInput: plugin.TurnNoInput, session.ByCustom: plugin.TurnCustom,
}

// Input is how the bot has set the caller's next input, if it has. Fields that it left as
// they were are zero, as is Sensitivity.
func (a *Answer) Input() (in plugin.Input, set bool) {
	a.call.host.t.Helper()
	b, set := last[session.SetInput](a)
	if !set {
		return in, false
	}
	in = plugin.Input{
		DTMFLength: b.DTMFLength, InterDigit: b.InterDigit, Terminator: b.Terminator,
		NoInput: b.NoInput, EndSilence: b.EndSilence, MaxSpeech: b.MaxSpeech, Sensitive: b.Sensitive,
	}
	if b.Mode != nil {
		in.Mode = inputModes[*b.Mode]
	}
	return in, true
}

var inputModes = map[session.InputMode]plugin.InputMode{
	session.VoiceOnly: plugin.InputVoice, session.DTMFOnly: plugin.InputDTMF, session.VoiceAndDTMF: plugin.InputVoiceAndDTMF,
}

// Transfer is what the bot handed over with the call, if it transferred it. Its reason is
// Metadata["reason"].
func (a *Answer) Transfer() (o plugin.TransferOptions, transferred bool) {
	a.call.host.t.Helper()
	b, ok := last[session.Leave](a)
	if !ok || b.Event != session.TransferToAgent {
		return o, false
	}
	return plugin.TransferOptions{Name: b.Name, Metadata: b.Metadata, Transcript: b.Transcript, Summary: b.Summary}, true
}

// End is what the bot said of the call's end, if it ended it.
func (a *Answer) End() (o plugin.EndOptions, ended bool) {
	a.call.host.t.Helper()
	b, ok := last[session.Leave](a)
	if !ok || b.Event != session.EndSession {
		return o, false
	}
	return plugin.EndOptions{Name: b.Name, Metadata: b.Metadata, Transcript: b.Transcript, Summary: b.Summary}, true
}

// Custom is the event of the flow that the bot triggered, if it did.
func (a *Answer) Custom() (name string, metadata map[string]any, triggered bool) {
	a.call.host.t.Helper()
	b, ok := last[session.Leave](a)
	if !ok || b.Event != session.CustomOutput {
		return "", nil, false
	}
	return b.Name, b.Metadata, true
}

// Told is what the bot had the flow told of beside its answer.
func (a *Answer) Told() plugin.FlowEvent {
	a.call.host.t.Helper()
	b, _ := last[session.Done](a)
	return flowEvents[b.Event]
}

var flowEvents = map[session.OutputEvent]plugin.FlowEvent{
	session.NoMatch: plugin.FlowNoMatch, session.NoInputEvent: plugin.FlowNoInput,
}

// State is the state that the bot saved last, and whether it saved one.
func (a *Answer) State() (state []byte, saved bool) {
	a.call.host.t.Helper()
	b, saved := last[session.SaveState](a)
	return b.State.Data, saved
}

// Failure is why the bot gave the call up, or the host the bot; empty if neither did. A
// test that does not ask fails if one did.
func (a *Answer) Failure() (why string) {
	a.call.host.t.Helper()
	for _, m := range a.moments() {
		if b, ok := m.command.Body.(session.GiveUp); ok {
			why = b.Message
		}
		if b, ok := m.event.(session.Ended); ok && b.Reason == session.EndedFailed && why == "" {
			why = b.Detail
		}
	}
	a.call.mu.Lock()
	defer a.call.mu.Unlock()
	a.failureRead = true
	return why
}

// askedWhy tells whether the test has asked for a failure. Call it under the lock.
func (a *Answer) askedWhy() bool { return a.failureRead }

// Refused are the commands that the host did not carry out. A test that does not ask
// fails if there are any.
func (a *Answer) Refused() (all []plugin.RefusedEvent) {
	a.call.host.t.Helper()
	for _, m := range a.moments() {
		if b, ok := m.event.(session.Refused); ok {
			all = append(all, plugin.RefusedEvent{Command: b.Command, Message: b.Message})
		}
	}
	a.call.mu.Lock()
	defer a.call.mu.Unlock()
	a.refusalsRead = true
	return all
}
