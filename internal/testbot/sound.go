package main

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

const (
	amplitude = 8230 // 12 dB below full scale
	// ramp is how long a tone takes to begin and to end, against clicks.
	ramp = 5 * time.Millisecond
	// piece is how much of a long tone is written at once in real time.
	piece = 200 * time.Millisecond
)

// telephone is the format that plays without conversion.
var telephone = plugin.Format{Encoding: plugin.Linear16, Rate: 8000}

// protected is a prompt that the caller cannot cut.
var protected = plugin.PromptOptions{Uninterruptible: true}

// samples are a tone at the pace of the settings.
func samples(length time.Duration, hertz float64, rate int) []int16 {
	n := int(paced(length) * time.Duration(rate) / time.Second)
	edge := ramp.Seconds() * float64(rate)
	pcm := make([]int16, n)
	for i := range pcm {
		loud := min(1, float64(i)/edge, float64(n-1-i)/edge)
		pcm[i] = int16(amplitude * loud * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate)))
	}
	return pcm
}

// tone is a tone of the frequency of the settings.
func tone(length time.Duration) plugin.Audio {
	return plugin.FromPCM(samples(length, settings.Tone, telephone.Rate), telephone.Rate)
}

// low is what a silent caller hears.
func low() plugin.Audio {
	return plugin.FromPCM(samples(300*time.Millisecond, settings.Tone/2, telephone.Rate), telephone.Rate)
}

// beeps is a number of short tones.
func beeps(n int) plugin.Audio {
	one := samples(120*time.Millisecond, settings.Tone, telephone.Rate)
	one = append(one, make([]int16, len(one)*2/3)...)
	pcm := slices.Repeat(one, n)
	return plugin.FromPCM(pcm, telephone.Rate)
}

// talk plays a tone of the given length as one speaks: piece by piece, in real
// time. It returns early when the caller interrupts.
func talk(ctx context.Context, reply *plugin.Reply, length time.Duration) error {
	prompt, err := reply.Stream(telephone)
	if err != nil {
		return err
	}
	defer prompt.Close()
	data := tone(length).Data
	size := len(tone(piece).Data)
	for len(data) > 0 {
		n := min(size, len(data))
		if _, err := prompt.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
		if err := pause(ctx, piece); err != nil {
			return err
		}
	}
	return nil
}
