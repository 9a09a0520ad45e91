package audio

import (
	"encoding/binary"
	"math"
	"slices"
)

// DecodePCM gives the samples of audio in any format but a WAVFile, at its own
// rate and mixed into one channel. A part of a sample at the end is left out.
func DecodePCM(data []byte, format Format) []int16 {
	pcm := decodeSamples(nil, data, format.Encoding)
	if format.Channels == 2 {
		return mix(pcm)
	}
	return pcm
}

// decodeSamples appends to dst each sample of src, which has whole ones. What
// is below 16 bits is left out: it is not heard on a telephone.
func decodeSamples(dst []int16, src []byte, from Encoding) []int16 {
	switch from {
	case MuLaw:
		return DecodeMuLaw(dst, src)
	case ALaw:
		return DecodeALaw(dst, src)
	case Linear8:
		return decodeLinear8(dst, src)
	case Linear24:
		return decodeTop16(dst, src, 3)
	case linear32:
		return decodeTop16(dst, src, 4)
	case float32s:
		return decodeFloat32(dst, src)
	default:
		return DecodeLinear16(dst, src)
	}
}

func decodeLinear8(dst []int16, src []byte) []int16 {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	for i, b := range src {
		dst[n+i] = int16(int8(b-128)) << 8
	}
	return dst
}

// decodeTop16 takes the upper two bytes of samples of the given width.
func decodeTop16(dst []int16, src []byte, width int) []int16 {
	n, count := len(dst), len(src)/width
	dst = slices.Grow(dst, count)[:n+count]
	for i := range count {
		dst[n+i] = int16(binary.LittleEndian.Uint16(src[width*(i+1)-2:]))
	}
	return dst
}

// decodeFloat32 takes 1 as full scale. What goes beyond it is clipped, and what
// is no number is silence.
func decodeFloat32(dst []int16, src []byte) []int16 {
	n, count := len(dst), len(src)/4
	dst = slices.Grow(dst, count)[:n+count]
	for i := range count {
		y := 32768 * float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
		if math.IsNaN(y) {
			y = 0
		}
		dst[n+i] = int16(math.RoundToEven(min(max(y, math.MinInt16), math.MaxInt16)))
	}
	return dst
}

// mix turns samples of two channels, which alternate, into those of one, in the
// same place.
func mix(pcm []int16) []int16 {
	mixed := pcm[:len(pcm)/2]
	for i := range mixed {
		mixed[i] = int16((int(pcm[2*i]) + int(pcm[2*i+1])) / 2)
	}
	return mixed
}
