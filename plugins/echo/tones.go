package main

import (
	"math"
	"strings"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

const (
	rate      = 8000 // samples a second
	amplitude = 8230 // 12 dB below full scale

	greeting = 440.0 // hertz
	nobody   = 220.0

	toneLength = 300 * time.Millisecond
	keyOn      = 120 * time.Millisecond
	keyOff     = 80 * time.Millisecond
	// ramp is how long a tone takes to begin and to end: without it one hears a
	// click.
	ramp = 5 * time.Millisecond
)

// Each key is two tones, one for its row and one for its column.
var (
	keypad  = [4]string{"123A", "456B", "789C", "*0#D"}
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// tone is one tone of the usual length.
func tone(hertz float64) plugin.Audio {
	return plugin.FromPCM(appendTone(nil, toneLength, hertz), rate)
}

// keyTones is the tones of the given keys, with a pause after each.
func keyTones(keys string) plugin.Audio {
	var pcm []int16
	for _, key := range keys {
		row, column, ok := frequencies(key)
		if !ok {
			continue
		}
		pcm = appendTone(pcm, keyOn, row, column)
		pcm = append(pcm, make([]int16, samples(keyOff))...)
	}
	return plugin.FromPCM(pcm, rate)
}

// frequencies are the two of a key.
func frequencies(key rune) (row, column float64, ok bool) {
	for i, keys := range keypad {
		if j := strings.IndexRune(keys, key); j >= 0 {
			return rows[i], columns[j], true
		}
	}
	return 0, 0, false
}

// appendTone adds a sound made of tones that share the loudness.
func appendTone(pcm []int16, length time.Duration, hertz ...float64) []int16 {
	n, edge := samples(length), float64(samples(ramp))
	for i := range n {
		sum := 0.0
		for _, h := range hertz {
			sum += math.Sin(2 * math.Pi * h * float64(i) / rate)
		}
		loud := min(1, float64(i)/edge, float64(n-1-i)/edge)
		pcm = append(pcm, int16(amplitude*loud*sum/float64(len(hertz))))
	}
	return pcm
}

func samples(d time.Duration) int { return int(d * rate / time.Second) }
