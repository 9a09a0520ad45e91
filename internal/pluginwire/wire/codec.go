package wire

import (
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec for all other messages
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// Codec writes and reads what the generated code does, byte for byte. Audio, which
// is nearly all that a stream carries, it takes by hand: half the allocations, and a
// third less time (BenchmarkCodec). What it does not know in a record it leaves to the
// generated code.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *pluginv1.EventBatch:
		return marshal(m.GetEvents(), sizeEvent, appendEvent)
	case *pluginv1.CommandBatch:
		return marshal(m.GetCommands(), sizeCommand, appendCommand)
	default:
		return c.CodecV2.Marshal(v)
	}
}

// Unmarshal implements encoding.CodecV2. Nothing of data is kept.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *pluginv1.EventBatch:
		return unmarshal(data, m, &m.Events, parseEvent)
	case *pluginv1.CommandBatch:
		return unmarshal(data, m, &m.Commands, parseCommand)
	default:
		return c.CodecV2.Unmarshal(data, v)
	}
}

// buffers hold batches on their way. gRPC's own pool clears what it gives out, and that
// is a megabyte for a batch of 33 KB.
var buffers pool

// pool is a mem.BufferPool of buffers that have room for a full batch.
type pool struct{ free sync.Pool }

const usualBuffer = 80 << 10

// Get implements mem.BufferPool. What the buffer holds is anything.
func (p *pool) Get(length int) *[]byte {
	if b, ok := p.free.Get().(*[]byte); ok && length <= cap(*b) {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, max(length, usualBuffer))
	return &b
}

// Put implements mem.BufferPool.
func (p *pool) Put(b *[]byte) {
	if cap(*b) == usualBuffer {
		p.free.Put(b)
	}
}

// marshal writes records, each as element of the batch's only field.
func marshal[T any](records []T, size func(T) int, add func([]byte, T) ([]byte, error)) (mem.BufferSlice, error) {
	total := 0
	for _, r := range records {
		total += protowire.SizeTag(batchField) + protowire.SizeBytes(size(r))
	}
	buffer := buffers.Get(total)
	b := (*buffer)[:0]
	for _, r := range records {
		b = protowire.AppendVarint(append(b, batchTag), uint64(size(r)))
		var err error
		if b, err = add(b, r); err != nil {
			buffers.Put(buffer)
			return nil, err
		}
	}
	*buffer = b
	return mem.BufferSlice{mem.NewBuffer(buffer, &buffers)}, nil
}

// unmarshal reads a batch into records. It leaves to the generated code what it does
// not know.
func unmarshal[T any, P interface {
	*T
	proto.Message
}](data mem.BufferSlice, batch proto.Message, records *[]P, parse func([]byte, P) bool) error {
	buffer := data.MaterializeToBuffer(&buffers)
	defer buffer.Free()
	b := buffer.ReadOnlyData()
	n, known := count(b)
	if !known {
		return proto.Unmarshal(b, batch)
	}
	all := make([]T, n) // one piece of memory: they come together and do not stay long
	*records = make([]P, n)
	for i := range all {
		own, length := protowire.ConsumeBytes(b[1:])
		b = b[1+length:]
		r := P(&all[i])
		(*records)[i] = r
		if !parse(own, r) {
			if err := proto.Unmarshal(own, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// count is how many records a batch has, if it has nothing else and is whole.
func count(b []byte) (n int, known bool) {
	for ; len(b) > 0; n++ {
		if b[0] != batchTag {
			return 0, false
		}
		_, length := protowire.ConsumeBytes(b[1:])
		if length < 0 {
			return 0, false
		}
		b = b[1+length:]
	}
	return n, true
}

// The one field of both batches, and its tag: the number of a field, and what kind
// of value follows.
const (
	batchField = 1
	batchTag   = batchField<<3 | byte(protowire.BytesType)
)

// audioField is the number of the audio in both records.
const audioField = 8

// record is an event or a command that is audio and nothing else.
type record struct {
	numbers [audioField + 2]uint64 // the other fields, by their number on the wire
	audio   []byte
}

// ofEvent takes an event apart; false if it is more than audio.
func (r *record) ofEvent(e *pluginv1.Event) bool {
	if e.Body != nil || len(e.Audio) == 0 {
		return false
	}
	r.audio = e.Audio
	r.numbers = [...]uint64{1: e.Call, 2: e.Seq, 3: uint64(e.AtMs), 4: protowire.EncodeBool(e.Replayed), 5: uint64(e.Track), 9: 0}
	return true
}

// ofCommand takes a command apart; false if it is more than audio.
func (r *record) ofCommand(c *pluginv1.Command) bool {
	if c.Body != nil || len(c.Audio) == 0 {
		return false
	}
	r.audio = c.Audio
	r.numbers = [...]uint64{1: c.Call, 2: c.Turn, 3: c.Prompt, 4: c.Ref, 9: protowire.EncodeBool(c.PromptEnd)}
	return true
}

func (r *record) size() int {
	n := 1 + protowire.SizeBytes(len(r.audio))
	for _, v := range r.numbers {
		if v != 0 {
			n += 1 + protowire.SizeVarint(v)
		}
	}
	return n
}

func (r *record) appendTo(b []byte) []byte {
	for i, v := range r.numbers {
		if i == audioField {
			b = protowire.AppendBytes(append(b, audioField<<3|byte(protowire.BytesType)), r.audio)
		}
		if v != 0 {
			b = protowire.AppendVarint(append(b, byte(i)<<3|byte(protowire.VarintType)), v)
		}
	}
	return b
}

// parse reads a record whose fields beside audio are among the known ones, a bit for
// each number. It returns false for all others, and for what is broken. Its audio is
// part of b.
func (r *record) parse(b []byte, known uint16) bool {
	for len(b) > 0 {
		number, kind := b[0]>>3, protowire.Type(b[0]&7)
		var n int
		switch {
		case number == audioField && kind == protowire.BytesType:
			r.audio, n = protowire.ConsumeBytes(b[1:])
		case known>>number&1 == 1 && kind == protowire.VarintType:
			r.numbers[number], n = protowire.ConsumeVarint(b[1:])
		default:
			return false
		}
		if n < 0 {
			return false
		}
		b = b[1+n:]
	}
	return true
}

func sizeEvent(e *pluginv1.Event) int {
	var r record
	if !r.ofEvent(e) {
		return proto.Size(e)
	}
	return r.size()
}

func sizeCommand(c *pluginv1.Command) int {
	var r record
	if !r.ofCommand(c) {
		return proto.Size(c)
	}
	return r.size()
}

func appendEvent(b []byte, e *pluginv1.Event) ([]byte, error) {
	var r record
	if !r.ofEvent(e) {
		return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, e)
	}
	return r.appendTo(b), nil
}

func appendCommand(b []byte, c *pluginv1.Command) ([]byte, error) {
	var r record
	if !r.ofCommand(c) {
		return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, c)
	}
	return r.appendTo(b), nil
}

// parseEvent reads an event that is audio and nothing else; false for all others.
func parseEvent(b []byte, e *pluginv1.Event) bool {
	var r record
	if !r.parse(b, 1<<1|1<<2|1<<3|1<<4|1<<5) {
		return false
	}
	e.Call, e.Seq, e.AtMs = r.numbers[1], r.numbers[2], int64(r.numbers[3])
	e.Replayed, e.Track = protowire.DecodeBool(r.numbers[4]), pluginv1.Event_Track(r.numbers[5])
	e.Audio = append([]byte(nil), r.audio...) // who keeps it must not keep the whole batch
	return true
}

// parseCommand reads a command that is audio and nothing else; false for all others.
func parseCommand(b []byte, c *pluginv1.Command) bool {
	var r record
	if !r.parse(b, 1<<1|1<<2|1<<3|1<<4|1<<9) {
		return false
	}
	c.Call, c.Turn, c.Prompt, c.Ref = r.numbers[1], r.numbers[2], r.numbers[3], r.numbers[4]
	c.PromptEnd = protowire.DecodeBool(r.numbers[9])
	c.Audio = append([]byte(nil), r.audio...)
	return true
}
