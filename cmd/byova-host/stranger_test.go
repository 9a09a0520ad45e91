//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// A stranger is a gRPC client that shares no code with the project: it writes
// and reads the bytes of the contract itself.
type stranger struct {
	t    *testing.T
	conn *grpc.ClientConn
}

// rawCodec passes messages as bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

func dial(t *testing.T, addr string) *stranger {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &stranger{t, conn}
}

// Numbers of the contract's events.
const (
	sessionStart = 1
	sessionEnd   = 2

	outSessionEnd   = 1
	outTransfer     = 2
	outStartOfInput = 4
	outEndOfInput   = 5
)

func bytesField(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func varintField(b []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}

func (s *stranger) request(conversation string, number protowire.Number, input []byte) []byte {
	b := bytesField(nil, 1, []byte(conversation))
	b = bytesField(b, 2, []byte("org"))
	return bytesField(b, number, input)
}

func (s *stranger) event(conversation string, kind uint64) []byte {
	return s.request(conversation, 8, varintField(nil, 1, kind))
}

func (s *stranger) audio(conversation string, data []byte) []byte {
	return s.request(conversation, 6, bytesField(nil, 1, data)) // neither encoding nor rate, as Webex does
}

func (s *stranger) digits(conversation string, keys ...uint64) []byte {
	var packed []byte
	for _, k := range keys {
		packed = protowire.AppendVarint(packed, k)
	}
	return s.request(conversation, 7, bytesField(nil, 1, packed))
}

// answer is what the stranger reads of a response.
type answer struct {
	kind  uint64 // 0 FINAL, 2 CHUNK
	event uint64
	audio []byte
}

func parse(t *testing.T, message []byte) (a answer) {
	t.Helper()
	each(t, message, func(number protowire.Number, value []byte, n uint64) {
		switch number {
		case 1:
			each(t, value, func(number protowire.Number, value []byte, _ uint64) {
				if number == 3 {
					a.audio = append(a.audio, value...)
				}
			})
		case 2:
			each(t, value, func(number protowire.Number, _ []byte, n uint64) {
				if number == 1 {
					a.event = n
				}
			})
		case 8:
			a.kind = n
		}
	})
	return a
}

// each visits the fields of a message.
func each(t *testing.T, message []byte, visit func(number protowire.Number, value []byte, n uint64)) {
	t.Helper()
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatalf("bad tag in %x", message)
		}
		message = message[n:]
		var value []byte
		var varint uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			t.Fatalf("bad field %d in %x", number, message)
		}
		message = message[n:]
		visit(number, value, varint)
	}
}

func (s *stranger) open() grpc.ClientStream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	s.t.Cleanup(cancel)
	st, err := s.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		"/com.cisco.wcc.ccai.media.v1.VoiceVirtualAgent/ProcessCallerInput")
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// exchange sends one request, half-closes and reads to the end.
func (s *stranger) exchange(request []byte) ([]answer, error) {
	s.t.Helper()
	st := s.open()
	if err := st.SendMsg(&request); err != nil && !errors.Is(err, io.EOF) {
		s.t.Fatal(err)
	}
	if err := st.CloseSend(); err != nil {
		s.t.Fatal(err)
	}
	return s.rest(st)
}

func (s *stranger) rest(st grpc.ClientStream) (answers []answer, err error) {
	for {
		var message []byte
		switch err := st.RecvMsg(&message); {
		case errors.Is(err, io.EOF):
			return answers, nil
		case err != nil:
			return answers, err
		}
		answers = append(answers, parse(s.t, message))
	}
}

func audioOf(answers []answer) (audio []byte) {
	for _, a := range answers {
		audio = append(audio, a.audio...)
	}
	return audio
}

// greet begins a call and hears 300 ms of greeting.
func (s *stranger) greet(conversation string) {
	s.t.Helper()
	got, err := s.exchange(s.event(conversation, sessionStart))
	if err != nil || len(audioOf(got)) != 2400 {
		s.t.Fatalf("greeting of %d bytes, %v", len(audioOf(got)), err)
	}
}

// TestStranger: greeting, an utterance echoed, digits echoed, hang-up.
func TestStranger(t *testing.T) {
	p := serveEcho(t)
	s := dial(t, p.addr)
	s.greet("c1")

	words := readWAV(t, "../../examples/speech/hello.wav").Data
	silence := bytes.Repeat([]byte{0xff}, 8000)
	st := s.open()
	for rest := bytes.Join([][]byte{silence[:3], silence, words, silence}, nil); len(rest) > 0; {
		n := min(640, len(rest))
		request := s.audio("c1", rest[:n])
		if err := st.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	got, err := s.rest(st)
	if err != nil || len(got) < 4 || got[0].event != outStartOfInput || got[1].event != outEndOfInput || got[len(got)-1].kind != 0 {
		t.Fatalf("the utterance got %d responses, %v", len(got), err)
	}
	if echoed := audioOf(got); !bytes.Contains(echoed, words[800:len(words)-800]) {
		t.Errorf("the words are not in the %d bytes that came back: %v", len(echoed), got)
	}

	got, err = s.exchange(s.digits("c1", 5, 10, 16)) // 5, 0, and the # that ends it
	if err != nil {
		t.Fatal(err)
	}
	checkTones(t, audioOf(got), "50")

	got, err = s.exchange(s.digits("c1", 8))
	if err != nil {
		t.Fatal(err)
	}
	checkTones(t, audioOf(got), "2") // an utterance and an entry before this one

	if got, err := s.exchange(s.event("c1", sessionEnd)); err != nil {
		t.Errorf("hang-up got %v, %v", got, err)
	}
	for name, end := range map[string]struct{ key, event uint64 }{"transfer": {10, outTransfer}, "end": {9, outSessionEnd}} {
		s.greet(name)
		got, err := s.exchange(s.digits(name, end.key))
		if err != nil || got[len(got)-1].event != end.event {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	p.stop(t)
}

// checkTones holds that audio is those keys.
func checkTones(t *testing.T, data []byte, keys string) {
	t.Helper()
	if got := keysIn(data); got != keys {
		t.Errorf("%d bytes of tones read %q, want %q", len(data), got, keys)
	}
}

// keysIn reads the keys in audio, 120 ms each and 80 ms apart.
func keysIn(data []byte) string {
	rows, columns := []float64{697, 770, 852, 941}, []float64{1209, 1336, 1477, 1633}
	layout := []string{"123A", "456B", "789C", "*0#D"}
	var keys strings.Builder
	for start := 0; start+960 <= len(data); start += 1600 {
		keys.WriteString(string(layout[loudest(data[start:start+960], rows)][loudest(data[start:start+960], columns)]))
	}
	return keys.String()
}

// loudest tells which frequency is strongest in mu-law audio.
func loudest(data []byte, frequencies []float64) (best int) {
	var most float64
	for i, f := range frequencies {
		var re, im float64
		for n, code := range data {
			sin, cos := math.Sincos(2 * math.Pi * f * float64(n) / 8000)
			re += muLaw(code) * cos
			im += muLaw(code) * sin
		}
		if power := re*re + im*im; power > most {
			best, most = i, power
		}
	}
	return best
}

// muLaw expands one code by the formula of G.711.
func muLaw(code byte) float64 {
	code = ^code
	magnitude := float64((int(code&0xf)<<3+0x84)<<(code>>4&7) - 0x84)
	if code&0x80 != 0 {
		return -magnitude
	}
	return magnitude
}

func (a answer) String() string {
	return fmt.Sprintf("{kind %d, event %d, %d bytes}", a.kind, a.event, len(a.audio))
}
