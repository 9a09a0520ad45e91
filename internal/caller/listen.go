package caller

import (
	"fmt"
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// answering is the RPC whose answer is under way; nil when none is.
func (c *call) answering() *rpc {
	for _, r := range c.rpcs {
		if r.answers && !r.done && !r.interrupted {
			return r
		}
	}
	return nil
}

// interruptible reports whether the caller's input counts at this moment: the
// prompt that plays allows barge-in, or nothing plays and nothing is awaited.
// Between two prompts of an answer the last one decides.
func (c *call) interruptible() bool {
	if s, playing := c.player.head(); playing {
		return s.bargeIn
	}
	r := c.answering()
	return r == nil || r.bargeIn
}

// mayListen reports whether Webex opens the next listening RPC now. With
// barge-in that is while the last answer is still being sent or played.
func (c *call) mayListen() bool {
	if c.mode == mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF || c.keys.collecting {
		return false
	}
	return c.interruptible() || c.early()
}

// early reports whether Webex listens although the answer has not begun.
func (c *call) early() bool {
	r := c.answering()
	return c.opt.Listen == Early && r != nil && r.closed && !r.prompted && !c.player.busy()
}

// openListening opens an RPC for the caller's audio. The first of a call begins
// with a message of 3 bytes, as Webex has been seen to do.
func (c *call) openListening() {
	r := c.open()
	if r.done {
		return
	}
	c.listen = r
	if !c.firstOpen {
		c.firstOpen = true
		c.putAudio(r, c.voice.still()[:3], c.began.Add(c.due()))
	}
}

// stopListening half-closes the listening RPC: its input is complete, or no
// longer wanted.
func (c *call) stopListening() {
	if c.listen != nil {
		c.halfClose(c.listen)
	}
	c.listen = nil
}

// speak sends what the caller's line carried since the last tick.
func (c *call) speak() {
	frame, speech := c.voice.frame()
	c.rec.caller(frame)
	r := c.listen
	if r != nil && !c.interruptible() { // Webex drops what is said now
		r, frame = nil, c.voice.still()
		c.sendFrame(c.listen, frame, false)
	} else if r != nil {
		c.sendFrame(r, frame, speech)
	}
	if speech && r == nil && !c.script.unheard {
		c.script.unheard = true
		c.log(Entry{Kind: Note, Text: "speech is lost: input is not taken at this moment"})
	}
}

func (c *call) sendFrame(r *rpc, frame []byte, speech bool) {
	from := c.due() - c.frame
	if r.sent.speech != speech {
		c.endStretch(r, from)
	}
	if speech && !r.speaking {
		r.speaking, r.heard = true, true
		c.logAt(from, Entry{Kind: SpeechStart, RPC: r.n})
	}
	r.sent.speech = speech
	r.sent.length += c.frame
	c.frames++
	c.putAudio(r, frame, c.began.Add(from))
}

// endStretch logs the audio sent on r since its last change, which ended at
// that time.
func (c *call) endStretch(r *rpc, at time.Duration) {
	if r.sent.length > 0 {
		c.logAt(at, Entry{Kind: SentAudio, RPC: r.n, Audio: r.sent.length, Speech: r.sent.speech})
		r.sent.length = 0
	}
	if r.speaking {
		r.speaking, r.quiet = false, at
		c.logAt(at, Entry{Kind: SpeechEnd, RPC: r.n})
	}
}

// awaitInput watches the silence while input is awaited. It counts from the end
// of playback and anew from the end of speech that the server did not notice.
func (c *call) awaitInput() {
	if c.phase != talking {
		return
	}
	r := c.listen
	busy := c.answering() != nil || c.player.busy() || c.keys.collecting || c.voice.speaking()
	if busy || r != nil && r.began {
		c.idle = -1
	} else if c.idle < 0 {
		c.idle = c.due()
	}
	if c.idle >= 0 && c.noInput > 0 && c.due()-c.idle >= c.noInput {
		c.idle = -1
		c.sendNoInput()
		return
	}
	limit := c.opt.Limits.Complete
	open := r != nil && (r.heard || r.began) && !r.speaking && !c.voice.speaking()
	if open && c.now()-r.quiet >= limit {
		c.fail(fmt.Errorf("rpc %d: no END_OF_INPUT within %v after the caller's speech", r.n, limit))
	}
}

// endSpeech ends an utterance that is longer than the server takes. The server
// does so too, so that Webex waits a little longer.
func (c *call) endSpeech() {
	const slack = time.Second
	r := c.listen
	if c.phase != talking || r == nil || !r.began || c.maxSpeech <= 0 || c.now()-r.beganAt < c.maxSpeech+slack {
		return
	}
	c.halfCloseFor(r, fmt.Sprintf("the speech is longer than %v", c.maxSpeech))
	c.listen, r.answers = nil, true
}

// sendNoInput tells the server on the open listening RPC, or on one of its own,
// that the caller says nothing.
func (c *call) sendNoInput() {
	c.script.silences++
	r := c.listen
	if c.opt.NoInputOn == OnNewRPC && r != nil {
		c.stopListening()
		r = nil
	}
	if r == nil {
		r = c.open()
	}
	c.putEvent(r, mediav1.EventInput_NO_INPUT)
	c.listen = nil
	c.halfClose(r)
	r.answers = true
}

// configure takes over what an answer says about the next input.
func (c *call) configure(m *mediav1.VoiceVAResponse) {
	if mode := m.GetInputMode(); mode != mediav1.VoiceVAInputMode_INPUT_VOICE_MODE_UNSPECIFIED {
		c.mode = mode
	}
	if d := m.GetInputHandlingConfig().GetDtmfConfig(); d != nil {
		c.keys.configure(d)
	}
	if t := m.GetInputHandlingConfig().GetSpeechTimers(); t != nil {
		c.noInput = time.Duration(t.GetNoInputTimeoutMsec()) * time.Millisecond
		c.maxSpeech = time.Duration(t.GetMaxSpeechTimeoutMsec()) * time.Millisecond
	}
	deaf := c.mode == mediav1.VoiceVAInputMode_INPUT_EVENT_DTMF
	if r := c.listen; deaf && r != nil && !r.heard {
		c.stopListening() // it was opened while the answer was still coming
	}
}
