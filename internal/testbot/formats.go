package main

import (
	"context"
	"strconv"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// formats speaks in the format that the caller asks for.
func formats(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	n, err := strconv.Atoi(turn.DTMF)
	if err != nil || n < 1 || n > len(spoken) {
		return reply.Play(low()) // no format has this number
	}
	format := spoken[n-1]
	return reply.Play(format.write(samples(answer, settings.Tone, format.rate), format.rate))
}

// spoken is the list of formats, and how samples are written in each.
var spoken = []struct {
	rate  int
	write func(pcm []int16, rate int) plugin.Audio
}{
	{8000, plugin.FromPCM},
	{16000, plugin.FromPCM},
	{44100, plugin.FromPCM},
	{48000, plugin.FromPCM},
	{8000, aLaw},
	{16000, muLaw},
	{8000, linear8},
	{24000, linear24},
	{22050, stereo},
	{8000, func(pcm []int16, rate int) plugin.Audio { return wav(muLaw(pcm, rate)) }},
	{44100, func(pcm []int16, rate int) plugin.Audio { return wav(stereo(pcm, rate)) }},
}

func aLaw(pcm []int16, rate int) plugin.Audio {
	return plugin.Audio{Format: plugin.Format{Encoding: plugin.ALaw, Rate: rate}, Data: audio.EncodeALaw(nil, pcm)}
}

func muLaw(pcm []int16, rate int) plugin.Audio {
	return plugin.Audio{Format: plugin.Format{Encoding: plugin.MuLaw, Rate: rate}, Data: audio.EncodeMuLaw(nil, pcm)}
}

func linear8(pcm []int16, rate int) plugin.Audio {
	data := make([]byte, len(pcm))
	for i, s := range pcm {
		data[i] = byte(s>>8 + 128)
	}
	return plugin.Audio{Format: plugin.Format{Encoding: plugin.Linear8, Rate: rate}, Data: data}
}

func linear24(pcm []int16, rate int) plugin.Audio {
	data := make([]byte, 0, 3*len(pcm))
	for _, s := range pcm {
		data = append(data, 0, byte(s), byte(s>>8))
	}
	return plugin.Audio{Format: plugin.Format{Encoding: plugin.Linear24, Rate: rate}, Data: data}
}

// stereo has the samples in both channels.
func stereo(pcm []int16, rate int) plugin.Audio {
	both := make([]int16, 0, 2*len(pcm))
	for _, s := range pcm {
		both = append(both, s, s)
	}
	sound := plugin.FromPCM(both, rate)
	sound.Format.Channels = 2
	return sound
}

// wav makes a WAV file of raw audio.
func wav(raw plugin.Audio) plugin.Audio {
	format := audio.Format{Encoding: audio.Encoding(raw.Format.Encoding), Rate: raw.Format.Rate}
	return plugin.WAV(audio.AppendWAV(nil, audio.WAV{Format: format, Channels: raw.Format.Channels, Data: raw.Data}))
}
