package audio

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// MuLawSilence is the mu-law byte for a sample of zero.
const MuLawSilence = 0xFF

const (
	muLawBias = 132   // moves the segment borders onto powers of two
	muLawClip = 32635 // largest magnitude that stays in the last segment
)

var (
	muLawTable = decodeTable(expandMuLaw)
	aLawTable  = decodeTable(expandALaw)
)

func decodeTable(expand func(byte) int16) *[256]int16 {
	var table [256]int16
	for code := range table {
		table[code] = expand(byte(code))
	}
	return &table
}

// DecodeMuLaw appends one sample to dst for each mu-law byte of src.
func DecodeMuLaw(dst []int16, src []byte) []int16 { return decode(dst, src, muLawTable) }

// DecodeALaw appends one sample to dst for each A-law byte of src.
func DecodeALaw(dst []int16, src []byte) []int16 { return decode(dst, src, aLawTable) }

func decode(dst []int16, src []byte, table *[256]int16) []int16 {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	for i, code := range src {
		dst[n+i] = table[code]
	}
	return dst
}

// EncodeMuLaw appends one mu-law byte to dst for each sample of src, by the
// decision values of G.711. Zero becomes MuLawSilence.
func EncodeMuLaw(dst []byte, src []int16) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	for i, s := range src {
		dst[n+i] = compressMuLaw(s)
	}
	return dst
}

// EncodeALaw appends one A-law byte to dst for each sample of src, by the
// decision values of G.711.
func EncodeALaw(dst []byte, src []int16) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	for i, s := range src {
		dst[n+i] = compressALaw(s)
	}
	return dst
}

// DecodeLinear16 appends one sample to dst for each pair of bytes of src. A
// last odd byte is ignored; a Decoder keeps it for the next message.
func DecodeLinear16(dst []int16, src []byte) []int16 {
	n, count := len(dst), len(src)/2
	dst = slices.Grow(dst, count)[:n+count]
	for i := range count {
		dst[n+i] = int16(binary.LittleEndian.Uint16(src[2*i:]))
	}
	return dst
}

// EncodeLinear16 appends two bytes to dst for each sample of src.
func EncodeLinear16(dst []byte, src []int16) []byte {
	dst = slices.Grow(dst, 2*len(src))
	for _, s := range src {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s))
	}
	return dst
}

// expandMuLaw is the decoder of G.711: the inverted byte holds a sign, three
// bits of segment and four bits of step within the segment.
func expandMuLaw(code byte) int16 {
	code = ^code
	magnitude := (int16(code&0x0F)<<3+muLawBias)<<(code>>4&7) - muLawBias
	if code&0x80 != 0 {
		return -magnitude
	}
	return magnitude
}

// compressMuLaw computes rather than looks up: a table of all inputs would
// push the rest of a call out of the processor's cache.
func compressMuLaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	biased := uint(min(v, muLawClip) + muLawBias)
	segment := bits.Len(biased>>7) - 1
	return ^(sign | byte(segment)<<4 | byte(biased>>(segment+3)&0x0F))
}

// expandALaw is the decoder of G.711 for A-law. Even bits are inverted on the
// line; there is no code for zero, the smallest values are plus and minus 8.
func expandALaw(code byte) int16 {
	code ^= 0x55
	magnitude, segment := int(code&0x0F)<<4+8, code>>4&7
	if segment > 0 {
		magnitude = (magnitude + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return int16(-magnitude)
	}
	return int16(magnitude)
}

func compressALaw(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = ^v, 0 // minus one mirrors zero, as the smallest steps do
	}
	segment := bits.Len(uint(v) >> 8)
	shift := max(segment, 1) + 3
	return (sign | byte(segment)<<4 | byte(v>>shift&0x0F)) ^ 0x55
}
