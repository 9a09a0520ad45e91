package wire

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

var _ encoding.CodecV2 = codec{}

// batches has a record of each sort.
func batches(t testing.TB) []proto.Message {
	t.Helper()
	parameters, err := structpb.NewStruct(map[string]any{"a": 1, "b": []any{"c"}})
	if err != nil {
		t.Fatal(err)
	}
	audio := []byte(strings.Repeat("\x7f", 160))
	return []proto.Message{
		&pluginv1.EventBatch{},
		&pluginv1.EventBatch{Events: []*pluginv1.Event{{}}},
		&pluginv1.EventBatch{Events: []*pluginv1.Event{
			{Call: 1, Seq: 2, AtMs: 3, Audio: audio},
			{Call: 1 << 63, Seq: 1 << 40, AtMs: -1, Replayed: true, Track: pluginv1.Event_TRACK_AGENT, Audio: bytes.Repeat(audio, 100)},
			{Call: 3, Body: &pluginv1.Event_Custom{Custom: &pluginv1.Custom{Turn: 4, Name: "x", Parameters: parameters}}},
			{Audio: audio[:1]},
			{Call: 5, AtMs: 6, Track: -1, Audio: audio},
			{Call: 6, Audio: audio, Body: &pluginv1.Event_Gap{Gap: &pluginv1.Gap{Ms: 7}}},
			{Body: &pluginv1.Event_Ping{Ping: &pluginv1.Ping{Id: 8}}},
		}},
		&pluginv1.CommandBatch{Commands: []*pluginv1.Command{
			{Call: 1, Turn: 2, Prompt: 3, Ref: 4, Audio: audio, PromptEnd: true},
			{Call: 1, Prompt: 1, Audio: audio},
			{Call: 1, Prompt: 1, PromptEnd: true},
			{Call: 2, Turn: 1, Prompt: 1, Body: &pluginv1.Command_PromptStart{PromptStart: &pluginv1.Prompt{Text: "hello"}}},
			{Call: 2, Ref: 1, Body: &pluginv1.Command_State{State: &pluginv1.State{Blob: audio}}},
			{},
		}},
		&pluginv1.DescribeResponse{Name: "other"},
	}
}

func generated(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCodecWrites holds what is written to what the generated code writes.
func TestCodecWrites(t *testing.T) {
	for _, m := range batches(t) {
		data, err := Codec().Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again := m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(data.Materialize(), again); err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if got, want := generated(t, again), generated(t, m); !bytes.Equal(got, want) {
			t.Errorf("%v was written as %x, want %x", m, got, want)
		}
		if got, want := data.Len(), proto.Size(m); got != want {
			t.Errorf("%v has %d bytes, want %d", m, got, want)
		}
	}
}

// read reads as the codec does, from a buffer that is overwritten at once.
func read(b []byte, m proto.Message) error {
	own := bytes.Clone(b)
	err := Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(own)}, m)
	clear(own)
	return err
}

// FuzzCodec holds what is read to what the generated code reads: the same records
// from the same bytes, and the same bytes refused.
func FuzzCodec(f *testing.F) {
	for _, m := range batches(f) {
		f.Add(generated(f, m))
	}
	f.Add([]byte{batchTag, 3, 1<<3 | 2, 1, 0})                // the call as bytes
	f.Add([]byte{batchTag, 4, audioField<<3 | 2, 9, 1, 2})    // audio that is longer than its record
	f.Add([]byte{batchTag, 5, audioField<<3 | 2, 0, 8, 1, 8}) // a number that is missing
	f.Add([]byte{batchTag, 200, 1})
	f.Add([]byte{2<<3 | 2, 1, 1, batchTag, 0})
	f.Add([]byte{0x80, 0x9f, 0x9d, 0x9d, 0x30, 0x30}) // a field whose number is too large
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sort := range []proto.Message{&pluginv1.EventBatch{}, &pluginv1.CommandBatch{}} {
			want := sort.ProtoReflect().New().Interface()
			wantErr := proto.Unmarshal(b, want)
			got := sort.ProtoReflect().New().Interface()
			if err := read(b, got); (err == nil) != (wantErr == nil) {
				t.Fatalf("%x: error %v, want %v", b, err, wantErr)
			}
			if wantErr == nil && !proto.Equal(got, want) {
				t.Fatalf("%x was read as %v, want %v", b, got, want)
			}
		}
	})
}

// TestCodecAllocs: of a frame only its audio is allocated, and of a batch its records.
func TestCodecAllocs(t *testing.T) {
	const frames = 40
	m := &pluginv1.EventBatch{}
	for i := range frames {
		m.Events = append(m.Events, &pluginv1.Event{Call: 1, Seq: uint64(i), AtMs: int64(20 * i), Audio: make([]byte, 160)})
	}
	b := generated(t, m)
	got := testing.AllocsPerRun(100, func() {
		var batch pluginv1.EventBatch
		if err := Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &batch); err != nil {
			t.Fatal(err)
		}
	})
	if most := float64(frames + 6); got > most {
		t.Errorf("%d frames took %v allocations, want at most %v", frames, got, most)
	}
}

// BenchmarkCodec is 40 frames of audio, written and read: by the generated code, and
// by hand.
func BenchmarkCodec(b *testing.B) {
	m := &pluginv1.EventBatch{}
	for i := range 40 {
		m.Events = append(m.Events, &pluginv1.Event{Call: uint64(i), Seq: uint64(i), AtMs: int64(20 * i), Audio: make([]byte, 160)})
	}
	for name, c := range map[string]encoding.CodecV2{"generated": encoding.GetCodecV2("proto"), "by hand": Codec()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, err := c.Marshal(m)
				if err != nil {
					b.Fatal(err)
				}
				var read pluginv1.EventBatch
				if err := c.Unmarshal(data, &read); err != nil {
					b.Fatal(err)
				}
				data.Free()
			}
		})
	}
}
