package rpc

import (
	"unicode/utf8"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec for all other messages
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

// codec reads and writes audio by hand, which is nearly all that a call carries, and
// leaves the rest to the generated code. What it reads and writes is the same.
type codec struct{ encoding.CodecV2 }

func newCodec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

// Unmarshal implements encoding.CodecV2. Nothing of data is kept.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return m.read(buffer.ReadOnlyData())
}

// largestPooled is the largest message that goes into a buffer of gRPC's pool, in bytes:
// the next one that it has is a megabyte.
const largestPooled = 32 << 10

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	chunk, ok := v.(*chunk)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	size := chunk.size()
	if mem.IsBelowBufferPoolingThreshold(size) || size > largestPooled {
		return mem.BufferSlice{mem.SliceBuffer(chunk.appendTo(make([]byte, 0, size)))}, nil
	}
	pool := mem.DefaultBufferPool()
	b := pool.Get(size)
	chunk.appendTo((*b)[:0])
	return mem.BufferSlice{mem.NewBuffer(b, pool)}, nil
}

// message is a request as it comes. It is read again and again for an RPC: what each
// frame repeats is then allocated once.
type message struct {
	frame   frame                   // if the request is nil
	request *mediav1.VoiceVARequest // what is more than audio
}

// frame is a request with caller audio and what says whose it is.
type frame struct {
	conversation, org, agent, language string

	partial  bool
	encoding mediav1.VoiceInput_VoiceEncoding
	rate     int32
	audio    []byte // of its own
}

func (m *message) read(b []byte) error {
	m.request = nil
	if m.frame.read(b) {
		return nil
	}
	m.request = &mediav1.VoiceVARequest{}
	return proto.Unmarshal(b, m.request)
}

// The fields that a frame has, by number and kind.
const (
	number = byte(protowire.VarintType)
	text   = byte(protowire.BytesType)

	conversationTag = 1<<3 | text
	orgTag          = 2<<3 | text
	agentTag        = 3<<3 | text
	partialTag      = 4<<3 | number
	inputTag        = 6<<3 | text

	audioTag     = 1<<3 | text
	encodingTag  = 2<<3 | number
	rateTag      = 3<<3 | number
	timestampTag = 4<<3 | text
	languageTag  = 5<<3 | text
	singleTag    = 6<<3 | number
)

// read takes a frame apart. It returns false for what has anything else, is said twice
// or is broken: the generated code is to read it.
func (f *frame) read(b []byte) bool {
	var conversation, org, agent, input []byte
	f.partial = false
	ok := fields(b, func(tag byte, n uint64, b []byte) bool {
		switch tag {
		case conversationTag:
			conversation = b
		case orgTag:
			org = b
		case agentTag:
			agent = b
		case partialTag:
			f.partial = protowire.DecodeBool(n)
		case inputTag:
			input = b
		default:
			return false
		}
		return true
	})
	return ok && f.readInput(input) && keep(&f.conversation, conversation) && keep(&f.org, org) && keep(&f.agent, agent)
}

func (f *frame) readInput(b []byte) bool {
	var audio, language []byte
	f.encoding, f.rate = 0, 0
	ok := fields(b, func(tag byte, n uint64, b []byte) bool {
		switch tag {
		case audioTag:
			audio = b
		case encodingTag:
			f.encoding = mediav1.VoiceInput_VoiceEncoding(n)
		case rateTag:
			f.rate = int32(n)
		case timestampTag:
			return fields(b, func(tag byte, _ uint64, _ []byte) bool { return tag == 1<<3|number || tag == 2<<3|number })
		case languageTag:
			language = b
		case singleTag:
		default:
			return false
		}
		return true
	})
	if !ok || len(audio) == 0 || !keep(&f.language, language) {
		return false
	}
	f.audio = append([]byte(nil), audio...)
	return true
}

// fields hands over each field of a message: its tag, and its number or its bytes. It
// returns false when the message is broken, has fields of other kinds or one of them
// twice, or take does.
func fields(b []byte, take func(tag byte, n uint64, b []byte) bool) bool {
	var seen uint32
	for len(b) > 0 {
		tag := b[0]
		field := uint32(1) << (tag >> 3)
		if seen&field != 0 {
			return false
		}
		seen |= field
		var value uint64
		var content []byte
		n := -1
		switch tag & 7 {
		case number:
			value, n = protowire.ConsumeVarint(b[1:])
		case text:
			content, n = protowire.ConsumeBytes(b[1:])
		}
		if n < 0 || !take(tag, value, content) {
			return false
		}
		b = b[1+n:]
	}
	return true
}

// keep makes a string of bytes, and no other one where it is the same; false if they
// are no text.
func keep(s *string, b []byte) bool {
	if *s == string(b) {
		return true
	}
	if !utf8.Valid(b) {
		return false
	}
	*s = string(b)
	return true
}

// chunk is a response with a piece of prompt audio.
type chunk struct {
	audio   []byte
	bargeIn bool
}

func (c *chunk) promptSize() int {
	n := 1 + protowire.SizeBytes(len(c.audio))
	if c.bargeIn {
		n += 2
	}
	return n
}

func (c *chunk) size() int { return 1 + protowire.SizeBytes(c.promptSize()) + 2 }

func (c *chunk) appendTo(b []byte) []byte {
	b = protowire.AppendVarint(append(b, 1<<3|text), uint64(c.promptSize())) // prompts
	b = protowire.AppendBytes(append(b, 3<<3|text), c.audio)                 // audio_content
	if c.bargeIn {
		b = append(b, 4<<3|number, 1) // is_barge_in_enabled
	}
	return append(b, 8<<3|number, byte(mediav1.VoiceVAResponse_CHUNK)) // response_type
}
