package main

import (
	"bytes"
	"math"
	"math/bits"
)

const rate = 8000

// tone is a sine in mu-law.
func tone(ms int, hertz float64) []byte {
	out := make([]byte, ms*rate/1000)
	for i := range out {
		out[i] = muLaw(int(8000 * math.Sin(2*math.Pi*hertz*float64(i)/rate)))
	}
	return out
}

// tones has a tone and a pause for each key.
func tones(keys string) []byte {
	var out []byte
	for _, key := range keys {
		out = append(out, tone(120, 500+10*float64(key))...)
		out = append(out, bytes.Repeat([]byte{0xff}, 80*rate/1000)...)
	}
	return out
}

// muLaw writes a sample as G.711 has it.
func muLaw(sample int) byte {
	sign := 0
	if sample < 0 {
		sign, sample = 0x80, -sample
	}
	biased := min(sample, 32635) + 0x84
	exponent := bits.Len(uint(biased)) - 8
	return byte(^(sign | exponent<<4 | biased>>(exponent+3)&0x0f))
}
