package caller

import (
	"fmt"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// arrived takes what a receiver handed over.
func (c *call) arrived(a arrival) {
	if a.message == nil {
		c.ended(a.rpc, a.err)
		return
	}
	r := a.rpc
	r.active = c.now()
	response, plays := describe(a.message)
	c.log(Entry{Kind: Responded, RPC: r.n, Response: response})
	if c.phase != talking || r.interrupted || r.final {
		return // Webex no longer looks at it
	}
	c.inputEvents(r, response)
	c.configure(a.message)
	c.take(r, a.message, plays)
	if c.phase != talking {
		return
	}
	if response.terminal() {
		c.script.ending = response.ending()
		c.terminate(r)
		return
	}
	if response.final() {
		r.final = true
		if c.listen == r { // answered although its input was never said to be complete
			c.stopListening()
			r.answers = true
		}
	}
}

// inputEvents acts on what the server heard.
func (c *call) inputEvents(r *rpc, response *Response) {
	switch response.event() {
	case eventStartOfInput:
		if c.listen == r {
			if r.began, r.beganAt = true, c.now(); !r.heard {
				r.quiet = c.now()
			}
			c.interrupt()
		}
	case eventEndOfInput:
		if c.listen == r {
			c.stopListening()
			r.answers = true
		}
	}
}

// take queues the prompts of a message.
func (c *call) take(r *rpc, m *mediav1.VoiceVAResponse, plays [][]byte) {
	partial := m.GetResponseType() == mediav1.VoiceVAResponse_PARTIAL
	for i, p := range m.GetPrompts() {
		if len(plays[i]) == 0 {
			if p.GetText() != "" || p.GetAudioUri() != "" {
				c.log(Entry{Kind: Note, RPC: r.n, Text: "a prompt without audio is not played"})
			}
			continue
		}
		if !partial {
			c.player.dropFiller(r)
		}
		r.prompted, r.bargeIn = true, p.GetIsBargeInEnabled()
		if !c.player.add(sound{r, plays[i], r.bargeIn, partial && !m.GetDisablePromptCancellation()}) {
			c.fail(fmt.Errorf("rpc %d: more than %v of prompts wait to be played", r.n, maxQueued))
			return
		}
	}
}

// terminate lets the prompts play to their end; input no longer counts.
func (c *call) terminate(r *rpc) {
	r.final, r.answers = true, true
	c.phase = playing
	c.player.protect(r)
	c.halfClose(r)
	c.stopListening()
}

// interrupt stops playback and drops the rest of the answer, where its prompts
// allow that.
func (c *call) interrupt() {
	if !c.interruptible() {
		return
	}
	for _, r := range c.rpcs {
		if r.answers && !r.done && !r.interrupted {
			r.interrupted = true
			c.log(Entry{Kind: Interrupted, RPC: r.n})
		}
	}
	c.player.cut()
}
