package session

import (
	"time"

	"github.com/byova-host/byova-host/internal/audio"
)

// preRoll is how much audio from before the onset belongs to an utterance: the
// first consonants are quieter than what a detector needs.
const preRoll = 300 * time.Millisecond

// kept is how much recent audio is held for utterances, which are recognised
// some time after their onset.
const kept = preRoll + 700*time.Millisecond

// speechSlack is how much later than its audio an utterance may end by the clock.
const speechSlack = 2 * time.Second

// hearing is how much audio is taken at a time, so that a minute in one message
// is heard like one that comes as it is spoken.
const hearing = 100 * time.Millisecond

// speech follows the caller's audio: where it stands in time, and where someone
// speaks. All times are the audio's own; the clock only places a new RPC's audio
// behind the pause since the last.
type speech struct {
	on         bool // the host does the endpointing
	format     audio.Format
	decoder    *audio.Decoder
	endpointer *audio.Endpointer
	pcm        []int16
	edges      []audio.Edge

	rpc     rpcID         // whose audio came last
	now     time.Duration // position behind the last audio
	fed     int64         // samples given to the endpointer
	origin  time.Duration // position of sample originAt
	anchor  int64
	half    []byte // the first byte of a sample whose second has not come
	recalls bool   // utterances are recognised late, and told from where they began
	recent  []byte // the last audio, up to now; with recalls
}

func newSpeech(traits Traits, settings Settings) speech {
	s := speech{on: !traits.OwnEndpointing, format: audio.Telephone, recalls: traits.Audio == Utterances}
	if s.on {
		s.endpointer = audio.NewEndpointer(audio.Endpointing{Start: settings.SpeechStart, EndSilence: settings.Input.EndSilence})
	}
	return s
}

// setOn says whether the host does the endpointing.
func (s *speech) setOn(on bool, start, endSilence time.Duration) {
	if on == s.on {
		return
	}
	if s.on = on; on {
		s.endpointer = audio.NewEndpointer(audio.Endpointing{Start: start, EndSilence: endSilence})
	}
}

// reset forgets a running utterance and what was said before it.
func (s *speech) reset() {
	if s.on {
		s.endpointer.Reset()
	}
	s.recent = s.recent[:0]
}

// setFormat makes the audio that follows be read in another format.
func (s *speech) setFormat(f audio.Format) error {
	if f == s.format && s.decoder != nil {
		return nil
	}
	decoder, err := audio.NewDecoder(f)
	if err != nil {
		return err
	}
	s.format, s.decoder, s.recent, s.half = f, decoder, s.recent[:0], nil
	return nil
}

// place begins the audio of an RPC at now, or where the last audio ended.
func (s *speech) place(now time.Duration, rpc rpcID) {
	if rpc == s.rpc {
		return
	}
	s.rpc, s.half = rpc, nil
	s.now = max(s.now, now)
	s.origin, s.anchor = s.now, s.fed
}

// whole returns the samples that are complete with data, and keeps half a one.
func (s *speech) whole(data []byte) []byte {
	if len(s.half) > 0 {
		data = append(s.half, data...)
		s.half = nil
	}
	n := len(data) / s.format.BytesPerSample() * s.format.BytesPerSample()
	if n < len(data) {
		s.half = append([]byte(nil), data[n:]...)
	}
	return data[:n:n]
}

// listen takes audio and returns the edges of speech in it.
func (s *speech) listen(data []byte) []audio.Edge {
	s.now += s.format.Duration(len(data))
	if s.recalls {
		s.remember(data)
	}
	if !s.on {
		return nil
	}
	s.pcm = s.decoder.Decode(s.pcm[:0], data)
	s.fed += int64(len(s.pcm))
	s.edges = s.endpointer.Feed(s.edges[:0], s.pcm)
	return s.edges
}

func (s *speech) remember(data []byte) {
	s.recent = append(s.recent, data...)
	if most := s.format.Bytes(kept); len(s.recent) > 2*most {
		s.recent = append(s.recent[:0], s.recent[len(s.recent)-most:]...)
	}
}

// at is the position of a sample given to the endpointer.
func (s *speech) at(sample int64) time.Duration {
	return max(0, s.origin+time.Duration(sample-s.anchor)*time.Second/time.Duration(audio.Telephone.Rate))
}

// near brings a time that a bot names into the audio that is kept; zero is now.
func (s *speech) near(at time.Duration) time.Duration {
	if at == 0 {
		return s.now
	}
	return min(max(at, s.now-kept), s.now)
}

// since returns the recent audio from a position on, and where it begins.
func (s *speech) since(from time.Duration) (time.Duration, []byte) {
	n := min(s.format.Bytes(max(0, s.now-from)), len(s.recent))
	return s.now - s.format.Duration(n), s.recent[len(s.recent)-n:]
}

// callerAudio hears what came on an RPC, if it is the one that is listened to.
func (s *state) callerAudio(now time.Duration, rpc rpcID, r *rpcState, q *Request) {
	input := s.answering(rpc) && (s.turn.inputOpen || s.turn.listens)
	if r.ended || len(q.Audio) == 0 || (!input && rpc != s.listening()) {
		return
	}
	r.heard = true
	if s.greeting == 0 && s.turn == nil { // else it is part of the answer, behind END_OF_INPUT
		s.flushWaiting(now, rpc)
	}
	if s.protected(now) {
		s.speech.rpc = 0 // a pause: what was said meanwhile does not count
		return
	}
	if err := s.setFormat(now, r.format.Normal()); err != nil {
		s.act(action{kind: note, note: "caller audio cannot be read", detail: err.Error()})
		return
	}
	s.speech.place(now, rpc)
	for data := s.speech.whole(q.Audio); len(data) > 0 && !r.ended; {
		n := min(len(data), s.speech.format.Bytes(hearing))
		s.hear(now, rpc, data[:n:n])
		data = data[n:]
	}
}

// hear takes a short piece of audio.
func (s *state) hear(now time.Duration, rpc rpcID, data []byte) {
	from := s.speech.now
	edges := s.speech.listen(data)
	if s.traits.Audio == AllAudio || (s.traits.Audio == Utterances && s.answering(rpc) && s.turn.inputOpen) {
		s.tellAt(from, CallerAudio{Data: data})
	}
	for _, edge := range edges {
		s.edge(now, rpc, edge)
	}
	t := s.turn
	if t == nil || !t.inputOpen || t.cause != BySpeech {
		return
	}
	s.awaitSpeech(now)
	if s.speech.now-t.speechAt >= s.told.MaxSpeech {
		s.endSpeech(now, s.speech.now)
		s.tellEndOfInput(now) // it is not to go on
	}
}

func (s *state) setFormat(now time.Duration, f audio.Format) error {
	before := s.speech.format
	if err := s.speech.setFormat(f); err != nil {
		return err
	}
	if f != before && s.traits.Audio != NoAudio {
		s.tell(now, FormatChanged{Format: f})
	}
	return nil
}

func (s *state) edge(now time.Duration, rpc rpcID, e audio.Edge) {
	switch {
	case e.Kind == audio.SpeechStart && s.told.Mode == DTMFOnly: // what is said is no input
	case e.Kind == audio.SpeechStart:
		s.startSpeech(now, rpc, s.speech.at(e.At))
	case e.Kind == audio.SpeechEnd:
		s.endSpeech(now, s.speech.at(e.At))
	}
}

// startSpeech opens a turn for speech that began at a position on rpc.
func (s *state) startSpeech(now time.Duration, rpc rpcID, at time.Duration) {
	r := s.rpc(rpc)
	next := s.answering(rpc) && s.turn.listens
	if r == nil || r.ended || (r.taken && !next) {
		return // still the same input, or input that is over
	}
	if !r.started { // this is what stops the prompt that plays
		r.started = true
		input := s.told
		s.respond(rpc, Response{Type: EventOnly, Event: StartOfInput, Input: &input})
	}
	t := s.openTurn(now, rpc, BySpeech)
	t.speechAt = at
	t.limit = now + s.told.MaxSpeech + s.told.EndSilence + speechSlack
	s.awaitSpeech(now)
	s.tell(now, TurnStarted{Turn: t.id, Attempt: 1, Cause: BySpeech, SpeechAt: at})
	if s.traits.Audio == Utterances {
		from, data := s.speech.since(at - preRoll)
		s.tellAt(from, CallerAudio{Data: append([]byte(nil), data...)})
	}
}

// awaitSpeech sets when the utterance ends if no more audio comes.
func (s *state) awaitSpeech(now time.Duration) {
	s.due.speech = min(s.turn.limit, now+s.told.EndSilence+speechSlack)
}

// endSpeech completes the input of a turn that speech opened.
func (s *state) endSpeech(now time.Duration, at time.Duration) {
	if s.turn == nil || s.turn.cause != BySpeech || !s.turn.inputOpen {
		return
	}
	s.turn.speechEnd = at
	s.endOfInput(now)
}

// endOfInput tells the bot to answer, and Webex to stop sending audio: now, or
// when the answer begins.
func (s *state) endOfInput(now time.Duration) {
	s.turn.untold, s.turn.listens = true, true
	if s.EndOfInput == AtSilence {
		s.tellEndOfInput(now)
	}
	s.speech.reset()
	s.endInput(now)
}

// tellEndOfInput sends END_OF_INPUT if it is still to be sent. It stands before
// all prompts of the answer.
func (s *state) tellEndOfInput(now time.Duration) {
	if s.turn == nil || !s.turn.untold {
		return
	}
	s.turn.untold, s.turn.listens = false, false
	if r := s.rpc(s.turn.rpc); r != nil {
		r.ended = true
		s.respond(r.id, Response{Type: EventOnly, Event: EndOfInput})
		s.flushWaiting(now, r.id)
	}
}
