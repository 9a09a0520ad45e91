package backendtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// twilio is a bot written for Twilio's Media Streams.
type twilio struct {
	*bot
	stream                string
	sequence, chunk, time int
	connected, stopped    bool
	marks                 int      // sent
	waiting               []string // for their echo
}

type twilioMessage struct {
	Event, Protocol, Version string
	SequenceNumber           string
	StreamSid                string
	Start                    *struct {
		StreamSid, AccountSid, CallSid string
		Tracks                         []string
		MediaFormat                    struct {
			Encoding             string
			SampleRate, Channels int
		}
		CustomParameters map[string]string
	}
	Media *struct{ Track, Chunk, Timestamp, Payload string }
	DTMF  *struct{ Track, Digit string }
	Mark  *struct{ Name string }
	Stop  *struct{ AccountSid, CallSid string }
}

func (t *twilio) opened() {}

func (t *twilio) receive(f Frame) error {
	var m twilioMessage
	if err := strict(f, &m); err != nil {
		return err
	}
	if m.Event == "connected" {
		if t.connected || m.Protocol != "Call" || m.Version != "1.0.0" || m.SequenceNumber != "" {
			return errors.New("connected: not as documented, or not first")
		}
		t.connected = true
		return nil
	}
	t.sequence++
	switch {
	case !t.connected:
		return errors.New("connected must be first")
	case m.SequenceNumber != strconv.Itoa(t.sequence):
		return fmt.Errorf("sequenceNumber %q, want %d", m.SequenceNumber, t.sequence)
	case t.sequence == 1 != (m.Event == "start"):
		return errors.New("start must be second, and once")
	case m.Event != "start" && m.StreamSid != t.stream:
		return errors.New("streamSid of another stream")
	case t.stopped:
		return errors.New("a message behind stop")
	}
	return t.event(m)
}

var sid = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)

func (t *twilio) event(m twilioMessage) error {
	switch m.Event {
	case "start":
		s := m.Start
		if s == nil || s.MediaFormat.Encoding != "audio/x-mulaw" || s.MediaFormat.SampleRate != 8000 || s.MediaFormat.Channels != 1 ||
			len(s.Tracks) != 1 || s.Tracks[0] != "inbound" || s.CustomParameters == nil {
			return errors.New("start: not as documented")
		}
		for _, id := range []string{s.StreamSid, s.AccountSid, s.CallSid} {
			if !sid.MatchString(id) {
				return fmt.Errorf("start: %q is no SID", id)
			}
		}
		for name, value := range s.CustomParameters {
			if len(name)+len(value) > 500 {
				return errors.New("start: a parameter is too long")
			}
		}
		t.stream = s.StreamSid
		t.session.Resumed = s.CustomParameters["resumed"] == "true"
		t.start(!t.session.Resumed)
	case "media":
		t.chunk++
		if m.Media == nil || m.Media.Track != "inbound" || m.Media.Chunk != strconv.Itoa(t.chunk) || m.Media.Timestamp != strconv.Itoa(t.time) {
			return fmt.Errorf("media: chunk %d at %d ms was due", t.chunk, t.time)
		}
		audio, err := decode(m.Media.Payload)
		if err != nil {
			return err
		}
		t.time += len(audio) / 8
		return t.hear(audio)
	case "dtmf":
		if m.DTMF == nil || len(m.DTMF.Digit) != 1 || m.DTMF.Track != "inbound_track" {
			return errors.New("dtmf: not as documented")
		}
		t.keys(m.DTMF.Digit)
	case "mark":
		if m.Mark != nil && m.Mark.Name == "" {
			break // the echo of one that had no name
		}
		if m.Mark == nil || len(t.waiting) == 0 || m.Mark.Name != t.waiting[0] {
			return fmt.Errorf("mark: %v were to be echoed, in this order", t.waiting)
		}
		t.waiting = t.waiting[1:]
	case "stop":
		t.stopped, t.session.Goodbye = true, true
	default:
		return fmt.Errorf("unknown event %q", m.Event)
	}
	return nil
}

func (t *twilio) say(audio []byte) {
	t.plays(audio)
	for _, piece := range pieces(audio) {
		t.send(object{"event": "media", "streamSid": t.stream, "media": object{"payload": encode(piece)}})
	}
	if t.dying {
		return
	}
	t.marks++
	name := "mark-" + strconv.Itoa(t.marks)
	t.waiting = append(t.waiting, name)
	t.send(object{"event": "mark", "streamSid": t.stream, "mark": object{"name": name}})
}

func (t *twilio) began(playing bool) {
	if playing {
		t.send(object{"event": "clear", "streamSid": t.stream})
	}
}

func (t *twilio) ended() {}

func (t *twilio) leave(transfer bool, why string) {
	action := "end"
	if transfer {
		action = "transfer"
	}
	t.send(object{"event": "x-byova", "action": action, "reason": why, "streamSid": t.stream})
}

// hum sends 20 ms of something soft.
func (t *twilio) hum() {
	frame := make([]byte, 160)
	for i := range frame {
		frame[i] = 0xf0 + byte(i%2)<<7 // 40 dB and more below the voice
	}
	t.send(object{"event": "media", "streamSid": t.stream, "media": object{"payload": encode(frame)}})
}
