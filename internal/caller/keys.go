package caller

import (
	"time"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// defaultDigitGap ends an entry when the server gave no inter-digit timeout.
const defaultDigitGap = 3 * time.Second

// keypad collects an entry of keys, as Webex does on the server's behalf.
type keypad struct {
	collecting bool
	digits     string
	last       time.Duration // when the last key was pressed

	length     int  // most keys of an entry; 0: no limit
	terminator rune // 0: none
	gap        time.Duration
}

func (k *keypad) configure(d *mediav1.DTMFInputConfig) {
	k.length = int(d.GetDtmfInputLength())
	k.gap = time.Duration(d.GetInterDigitTimeoutMsec()) * time.Millisecond
	k.terminator = 0
	if n := int(d.GetTermchar()); n > 0 && n <= len(keyOrder) {
		k.terminator = rune(keyOrder[n-1])
	}
}

// press is the caller pressing one key. The first is announced as start says.
func (c *call) press(key rune, start DTMFStart) {
	c.log(Entry{Kind: KeyPressed, Digits: string(key)})
	if !c.keys.collecting {
		if c.mode == mediav1.VoiceVAInputMode_INPUT_VOICE || !c.interruptible() {
			c.log(Entry{Kind: Note, Text: "key is lost: input of keys is not taken at this moment"})
			return
		}
		c.startKeys(start)
	}
	c.keys.digits += string(key)
	c.keys.last = c.due()
	ended := c.keys.terminator == key
	if ended && !c.opt.KeepTerminator {
		c.keys.digits = c.keys.digits[:len(c.keys.digits)-1]
	}
	if ended || len(c.keys.digits) == c.keys.length {
		c.endKeys()
	}
}

// startKeys announces the first key: on the open listening RPC, which then
// takes no more audio, or on one of its own. It interrupts like speech does.
func (c *call) startKeys(start DTMFStart) {
	c.keys.collecting, c.keys.digits = true, ""
	c.interrupt()
	r := c.listen
	if start != OnListening {
		c.stopListening()
		r = nil
	}
	if start == Unannounced {
		return
	}
	if r == nil {
		r = c.open()
	}
	c.putEvent(r, mediav1.EventInput_START_OF_DTMF)
	c.listen = nil
	c.halfClose(r)
}

// enter ends an entry whose next key did not come in time.
func (c *call) enter() {
	gap := c.keys.gap
	if gap <= 0 {
		gap = defaultDigitGap
	}
	if c.phase == talking && c.keys.collecting && c.due()-c.keys.last >= gap {
		c.endKeys()
	}
}

// endKeys sends the entry.
func (c *call) endKeys() {
	c.keys.collecting = false
	r := c.open()
	if r.done {
		return // it could not be opened
	}
	c.log(Entry{Kind: SentKeys, RPC: r.n, Digits: c.keys.digits})
	entry := &mediav1.DTMFInputs{}
	for _, key := range c.keys.digits {
		entry.DtmfEvents = append(entry.DtmfEvents, keyCode(key))
	}
	c.put(r, &mediav1.VoiceVARequest{VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{DtmfInput: entry}})
	c.halfClose(r)
	r.answers = true
}
