package rpc

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/byova-host/byova-host/host/session"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// frameOf is a request as Webex sends them fifty times a second.
func frameOf(change func(*mediav1.VoiceVARequest, *mediav1.VoiceInput)) *mediav1.VoiceVARequest {
	in := &mediav1.VoiceInput{
		CallerAudio: make([]byte, 160), Encoding: mediav1.VoiceInput_MULAW_FORMAT, SampleRateHertz: 8000,
		AudioTimestamp: timestamppb.Now(), LanguageCode: "en-US", IsSingleUtterance: true,
	}
	q := &mediav1.VoiceVARequest{
		ConversationId: "call", CustomerOrgId: "org", VirtualAgentId: "agent", AllowPartialResponses: true,
		VoiceVaInputType: &mediav1.VoiceVARequest_AudioInput{AudioInput: in},
	}
	if change != nil {
		change(q, in)
	}
	return q
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzFrames holds what is read by hand to what the generated code reads: the same
// request from the same bytes, and the same bytes refused. The message is used again, as
// it is in a call.
func FuzzFrames(f *testing.F) {
	plain := encoded(f, frameOf(nil))
	f.Add(plain)
	f.Add(encoded(f, frameOf(func(q *mediav1.VoiceVARequest, in *mediav1.VoiceInput) {
		q.AllowPartialResponses, q.VirtualAgentId, in.LanguageCode, in.AudioTimestamp, in.Encoding, in.SampleRateHertz = false, "", "", nil, -1, -1
	})))
	f.Add(encoded(f, frameOf(func(q *mediav1.VoiceVARequest, _ *mediav1.VoiceInput) { q.VendorSpecificConfig = "x" })))
	f.Add(encoded(f, frameOf(func(q *mediav1.VoiceVARequest, _ *mediav1.VoiceInput) { q.AdditionalInfo = map[string]string{"a": "b"} })))
	f.Add(encoded(f, frameOf(func(_ *mediav1.VoiceVARequest, in *mediav1.VoiceInput) { in.CallerAudio = nil })))
	f.Add(encoded(f, &mediav1.VoiceVARequest{ConversationId: "call", VoiceVaInputType: &mediav1.VoiceVARequest_DtmfInput{DtmfInput: &mediav1.DTMFInputs{DtmfEvents: []mediav1.DTMFDigits{1}}}}))
	f.Add(append(bytes.Clone(plain), plain...))                   // everything twice: the later input is merged into the first
	f.Add(append(bytes.Clone(plain), 7<<3|2, 0))                  // another input after it
	f.Add(plain[:len(plain)-1])                                   // broken off
	f.Add(append(bytes.Clone(plain), 1<<3|2, 1, 0xff))            // no UTF-8
	f.Add([]byte{6<<3 | 2, 7, 1<<3 | 2, 1, 1, 4<<3 | 2, 1})       // a timestamp that is broken
	f.Add([]byte{6<<3 | 2, 6, 1<<3 | 2, 1, 1, 5<<3 | 2, 1, 0xff}) // a length that is not its own
	var used message
	if err := used.read(plain); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := &mediav1.VoiceVARequest{}
		wantErr := proto.Unmarshal(b, want)
		for _, m := range []*message{{}, &used} {
			own := bytes.Clone(b)
			err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(own)}, m)
			clear(own) // nothing of it may have been kept
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%x: error %v, want %v", b, err, wantErr)
			}
			if wantErr != nil {
				continue
			}
			got, gotErr := m.toSession()
			same, sameErr := fromRequest(want)
			if (gotErr == nil) != (sameErr == nil) || gotErr == nil && !sameRequest(got, same) {
				t.Fatalf("%x was read as %+v, %v, want %+v, %v", b, got, gotErr, same, sameErr)
			}
		}
	})
}

func sameRequest(a, b *session.Request) bool {
	return a.Key == b.Key && a.Agent == b.Agent && a.VendorConfig == b.VendorConfig && len(a.Additional) == len(b.Additional) &&
		a.Partial == b.Partial && a.Kind == b.Kind && bytes.Equal(a.Audio, b.Audio) && a.Format == b.Format && a.Language == b.Language && a.Digits == b.Digits
}

// TestChunkBytes holds what is written by hand to what the generated code writes.
func TestChunkBytes(t *testing.T) {
	for _, n := range []int{0, 1, 100, 127, 128, 160, 1000, 16 << 10, 64 << 10} {
		for _, bargeIn := range []bool{false, true} {
			r := session.Response{Type: session.Chunk, Audio: bytes.Repeat([]byte{0x7f}, n), BargeIn: bargeIn}
			data, err := newCodec().Marshal(new(chunk).toMessage(r))
			if err != nil {
				t.Fatal(err)
			}
			got := &mediav1.VoiceVAResponse{}
			if err := proto.Unmarshal(data.Materialize(), got); err != nil || !proto.Equal(got, toResponse(r)) {
				t.Errorf("%d bytes, barge-in %v: %v, written as %v, want %v", n, bargeIn, err, got, toResponse(r))
			}
		}
	}
	for name, r := range map[string]session.Response{
		"text":  {Type: session.Chunk, Text: &session.Text{Text: "hello"}},
		"final": {Type: session.Final, Input: &session.InputConfig{}},
		"event": {Type: session.EventOnly, Event: session.StartOfInput},
	} {
		if _, ok := new(chunk).toMessage(r).(*chunk); ok {
			t.Errorf("%s was taken for a piece of audio", name)
		}
	}
}

// TestFrameAllocs: of a frame only its audio is allocated, once its call is known.
func TestFrameAllocs(t *testing.T) {
	b := mem.BufferSlice{mem.SliceBuffer(encoded(t, frameOf(nil)))}
	var m message
	c := newCodec()
	got := testing.AllocsPerRun(100, func() {
		if err := c.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("a frame took %v allocations, want 1", got)
	}
}

// BenchmarkFrame is a frame that is read, and one that is written: by the generated
// code, and by hand.
func BenchmarkFrame(b *testing.B) {
	in := mem.BufferSlice{mem.SliceBuffer(encoded(b, frameOf(nil)))}
	r := session.Response{Type: session.Chunk, Audio: make([]byte, 160), BargeIn: true}
	c := newCodec().(codec)
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var q mediav1.VoiceVARequest
			if err := c.CodecV2.Unmarshal(in, &q); err != nil {
				b.Fatal(err)
			}
			if _, err := c.CodecV2.Marshal(toResponse(r)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		var m message
		for b.Loop() {
			if err := c.Unmarshal(in, &m); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Marshal(new(chunk).toMessage(r)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestLargeChunk: a chunk takes the memory that it needs, also where gRPC's pool has only
// buffers of a megabyte.
func TestLargeChunk(t *testing.T) {
	for _, size := range []int{160, 20_000, 64 << 10} {
		b, err := newCodec().Marshal(new(chunk).toMessage(session.Response{Type: session.Chunk, Audio: make([]byte, size)}))
		if err != nil {
			t.Fatal(err)
		}
		if n := cap(b[0].ReadOnlyData()); n > 2*size+100 {
			t.Errorf("a chunk of %d bytes takes %d", size, n)
		}
		b.Free()
	}
}
