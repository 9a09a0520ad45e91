package adapter

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the signature is defined with it
	"encoding/base64"
	"maps"
	"strconv"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// twilio plays Twilio's part in its Media Streams protocol, so that a bot written for
// that takes calls unchanged. Source: Twilio's documentation "Media Streams -
// WebSocket messages", protocol version 1.0.0. Speech is detected by the host: the
// bot reports none.
type twilio struct {
	// AccountSID is what the bot is told; default one made of the call's id.
	AccountSID string `json:"account_sid"`
	// AuthToken signs the upgrade, as bots that verify X-Twilio-Signature want it.
	AuthToken string `json:"auth_token"`
	// SignedURL is the URL as the bot knows it; default that which is dialled.
	SignedURL string `json:"signed_url"`
}

// longestParameter is how long Twilio's custom parameters may be, name and value.
const longestParameter = 500

func (t *twilio) Check() error {
	if t.SignedURL != "" && t.AuthToken == "" {
		return &plugin.FieldError{Field: "options.signed_url", Message: "stands alone: auth_token is what signs it"}
	}
	return nil
}

func (t *twilio) Traits() Traits { return Traits{} }

func (t *twilio) Dial(_ context.Context, target *Target) error {
	if t.AuthToken == "" {
		return nil
	}
	signed := t.SignedURL
	if signed == "" {
		signed = target.URL.String()
	}
	target.Header.Set("X-Twilio-Signature", twilioSignature(t.AuthToken, signed))
	return nil
}

// twilioSignature is that of a WebSocket upgrade, which has no form fields.
func twilioSignature(token, url string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (t *twilio) Session(line Line, call Call) Session {
	account := t.AccountSID
	if account == "" {
		account = "AC" + call.ID
	}
	return &twilioSession{line: line, call: call, account: account, stream: "MZ" + call.ID, sid: "CA" + call.ID}
}

type twilioSession struct {
	line                  Line
	call                  Call
	account, stream, sid  string
	sequence, chunk, time int
}

func (s *twilioSession) Open(o Opening) {
	s.sequence, s.chunk, s.time = 0, 0, 0
	s.line.Send(object{"event": "connected", "protocol": "Call", "version": "1.0.0"})
	s.send("start", object{
		"streamSid": s.stream, "accountSid": s.account, "callSid": s.sid, "tracks": []string{"inbound"},
		"mediaFormat":      object{"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
		"customParameters": s.parameters(o.Resumed),
	})
	s.line.Ready()
}

// parameters are what bots find about the call, under the names that they look for.
func (s *twilioSession) parameters(resumed bool) map[string]string {
	info := s.call.Info
	all := map[string]string{
		"CallSid": s.sid, "AccountSid": s.account, "conversation_id": info.ConversationID,
		"organization_id": info.Org, "agent": info.Agent, "language": info.Language,
		"from_number": s.call.Caller(), "From": s.call.Caller(), "to_number": s.call.Called(), "To": s.call.Called(),
	}
	if resumed {
		all["resumed"] = "true"
	}
	maps.Copy(all, s.call.Parameters)
	for name, value := range all {
		switch {
		case value == "":
			delete(all, name)
		case len(name)+len(value) > longestParameter:
			delete(all, name)
			s.line.Note("a parameter is too long and was left out", "parameter", name, "bytes", len(value))
		}
	}
	return all
}

// send sends a message that counts.
func (s *twilioSession) send(event string, body any) {
	s.sequence++
	s.line.Send(object{"event": event, "sequenceNumber": strconv.Itoa(s.sequence), "streamSid": s.stream, event: body})
}

// twilioMedia is the message that is sent fifty times a second: a struct is written in
// half the time of a map.
type twilioMedia struct {
	Event    string      `json:"event"`
	Sequence string      `json:"sequenceNumber"`
	Stream   string      `json:"streamSid"`
	Media    twilioFrame `json:"media"`
}

type twilioFrame struct {
	Track     string `json:"track"`
	Chunk     string `json:"chunk"`
	Timestamp string `json:"timestamp"`
	Payload   []byte `json:"payload"` // in base64, as encoding/json writes bytes
}

func (s *twilioSession) Hear(frame []byte) {
	s.sequence++
	s.chunk++
	s.line.Send(twilioMedia{
		Event: "media", Sequence: strconv.Itoa(s.sequence), Stream: s.stream,
		Media: twilioFrame{Track: "inbound", Chunk: strconv.Itoa(s.chunk), Timestamp: strconv.Itoa(s.time), Payload: frame},
	})
	s.time += len(frame) / 8
}

func (s *twilioSession) Tell(e Event) {
	switch e := e.(type) {
	case DTMF:
		for _, digit := range e.Digits {
			s.send("dtmf", object{"track": "inbound_track", "digit": string(digit)})
		}
	case Played:
		s.send("mark", object{"name": e.Mark})
	}
}

func (s *twilioSession) Receive(m Message) error {
	var in struct {
		Event string
		Media struct{ Payload string }
		Mark  struct{ Name string }

		// Of the extension x-byova.
		Action, Name, Reason, Summary string
		Metadata                      object
	}
	if err := decodeText(m, &in); err != nil {
		return err
	}
	switch in.Event {
	case "media":
		audio, err := decodeAudio(in.Media.Payload)
		if err != nil {
			return err
		}
		s.line.Play("media", plugin.Audio{Format: muLaw, Data: audio}, PlayOptions{})
	case "mark":
		s.line.Mark(in.Mark.Name)
	case "clear":
		s.line.Flush()
	case "x-byova":
		return s.extension(in.Action, in.Name, Leave{Reason: in.Reason, Summary: in.Summary, Metadata: in.Metadata})
	default:
		s.line.Note("a message of an unknown type was ignored", "type", known(in.Event))
	}
	return nil
}

// extension is for bots that are willing to change a line: the protocol itself has no
// way to transfer a call.
func (s *twilioSession) extension(action, name string, leave Leave) error {
	switch action {
	case "transfer":
		s.line.Transfer(leave)
	case "end":
		s.line.End(leave)
	case "custom":
		s.line.Custom(name, leave.Metadata)
	default:
		s.line.Note("an x-byova message asks for an unknown action", "action", known(action))
	}
	return nil
}

func (s *twilioSession) HangUp(string) {
	s.send("stop", object{"accountSid": s.account, "callSid": s.sid})
}

// Closed takes any orderly end for the bot's end of the call. Twilio does not connect
// again.
func (s *twilioSession) Closed(code int, _ string) Verdict { return Judge(code) }

// known keeps a peer's word out of the log unless it is short and plain: it might be
// anything.
func known(word string) string {
	if word == "" {
		return "(none)"
	}
	if len(word) > 60 {
		return "(long)"
	}
	for _, r := range word {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return "(not a word)"
		}
	}
	return word
}
