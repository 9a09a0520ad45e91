package plugin

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/byova-host/byova-host/internal/audio"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// stereoFile is 100 ms of a stereo WAV file at 16 kHz.
func stereoFile() []byte {
	samples := slices.Repeat([]int16{1000, 3000}, 1600)
	return audio.AppendWAV(nil, audio.WAV{
		Format: audio.Format{Encoding: audio.Linear16, Rate: 16000}, Channels: 2, Data: audio.EncodeLinear16(nil, samples),
	})
}

// wideFile is a WAV file of 24 bits: four samples at 8 kHz.
func wideFile() []byte {
	return audio.AppendWAV(nil, audio.WAV{
		Format: audio.Format{Encoding: audio.Linear24}, Data: []byte("\x99\x01\x00\x99\x02\x00\x99\x03\x00\x99\x04\x00"),
	})
}

func TestAudioLength(t *testing.T) {
	ms := time.Millisecond
	for _, test := range []struct {
		name  string
		audio Audio
		plays time.Duration
		pcm   []int16 // the first of its samples
	}{
		{"nothing", Audio{}, 0, nil},
		{"telephone", silence(20), 20 * ms, []int16{-32124, -32124}},
		{"linear16", FromPCM([]int16{1, 2, 3, 4}, 8000), ms / 2, []int16{1, 2, 3, 4}},
		{"linear8", Audio{Format{Encoding: Linear8, Rate: 16000}, []byte{128, 129, 0, 255}}, ms / 4, []int16{0, 256, -32768, 32512}},
		{"linear24 in stereo", Audio{Format{Encoding: Linear24, Channels: 2}, []byte("\x99\x02\x00\x99\x04\x00")}, ms / 8, []int16{3}},
		{"A-law in stereo", Audio{Format{Encoding: ALaw, Channels: 2}, []byte{0xD5, 0xD5, 0xD5, 0x55}}, ms / 4, []int16{8, 0}},
		{"stereo file", WAV(stereoFile()), 100 * ms, []int16{2000, 2000}},
		{"file of 24 bits", WAV(wideFile()), ms / 2, []int16{1, 2, 3, 4}},
		{"broken file", WAV([]byte("RIFFs and solos")), 0, nil},
	} {
		if got := test.audio.Duration(); got != test.plays {
			t.Errorf("%s plays for %v, want %v", test.name, got, test.plays)
		}
		pcm := test.audio.PCM()
		if len(pcm) < len(test.pcm) || !slices.Equal(pcm[:len(test.pcm)], test.pcm) {
			t.Errorf("%s is %v, want %v", test.name, pcm[:min(4, len(pcm))], test.pcm)
		}
	}
}

func TestReadWAV(t *testing.T) {
	got, err := ReadWAV(stereoFile())
	if want := (Format{Encoding: Linear16, Rate: 16000, Channels: 2}); err != nil || got.Format != want || len(got.Data) != 6400 {
		t.Errorf("%v of %d bytes, %v, want %v", got.Format, len(got.Data), err, want)
	}
	got, err = ReadWAV(wideFile())
	if want := FromPCM([]int16{1, 2, 3, 4}, 8000); err != nil || got.Format != want.Format || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := ReadWAV([]byte("OggS")); err == nil || err.Error() != `audio: WAV file: no WAV header but "OggS" at byte 0` {
		t.Errorf("error is %v", err)
	}
}

// What an author plays arrives as it is, with the format beside it.
func TestPlayFormats(t *testing.T) {
	file := stereoFile()
	for _, test := range []struct {
		name  string
		audio Audio
		want  *pluginv1.Format
	}{
		{"file", WAV(file), &pluginv1.Format{Encoding: pluginv1.Format_WAV}},
		{"linear8", Audio{Format{Encoding: Linear8, Rate: 11025}, make([]byte, 20001)}, &pluginv1.Format{Encoding: pluginv1.Format_LINEAR8, Rate: 11025}},
		{"linear24 in stereo", Audio{Format{Linear24, 48000, 2}, make([]byte, 60000)}, &pluginv1.Format{Encoding: pluginv1.Format_LINEAR24, Rate: 48000, Channels: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := func(_ context.Context, _ Turn, r *Reply) error { return r.Play(test.audio) }
			with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
				h.send(start(1, 1<<20))
				var sent []byte
				var format *pluginv1.Format
				for _, c := range h.send(greet(1)...) {
					if p := c.GetPromptStart(); p != nil {
						format = p.GetFormat()
					}
					if n := test.audio.Format.audio().FrameBytes(); len(c.Audio)%n != 0 {
						t.Errorf("a command has %d bytes of samples of %d", len(c.Audio), n)
					}
					sent = append(sent, c.Audio...)
				}
				if !proto.Equal(format, test.want) || !bytes.Equal(sent, test.audio.Data) {
					t.Errorf("%d bytes of %v, want %d of %v", len(sent), format, len(test.audio.Data), test.want)
				}
				h.send(ended(1))
			})
		})
	}
}

// An author hears of what the host would refuse before it is sent.
func TestPlayRefusesBadAudio(t *testing.T) {
	file := stereoFile()
	for _, test := range []struct {
		name, want string
		audio      Audio
	}{
		{"no file", `audio: WAV file: no WAV header but "beep" at byte 0`, WAV([]byte("beep"))},
		{"only a header", "audio: WAV file: end of file before any data chunk at byte 36", WAV(file[:36])},
		{"surround", "audio: WAV file: 6 channels at byte 12", WAV(append(append(slices.Clone(file[:22]), 6), file[23:]...))},
		{"half a frame", "audio: 5 bytes are no whole number of stereo linear24 samples, which have 6 bytes each",
			Audio{Format{Encoding: Linear24, Channels: 2}, make([]byte, 5)}},
		{"three channels", "audio: 3 channels: want 1 or 2", Audio{Format{Channels: 3}, make([]byte, 3)}},
		{"no encoding", "audio: unknown encoding -1", Audio{Format{Encoding: -1}, make([]byte, 3)}},
		{"too large an encoding", "audio: unknown encoding 256", Audio{Format{Encoding: 256}, make([]byte, 3)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := func(_ context.Context, _ Turn, r *Reply) error { return r.Play(test.audio) }
			with(t, Plugin{Handler: HandlerFunc(answer)}, func(t *testing.T, h *fakeHost) {
				h.send(start(1, 1<<20))
				expect(t, "greeting", h.send(greet(1)...), "1/0 failed: answer turn 1: "+test.want)
				h.send(ended(1))
			})
		})
	}
}

// A file may be written in any pieces; one that is broken shows in the piece
// where it is, which is not sent.
func TestFileIsWritten(t *testing.T) {
	var log []string
	bot := script(func(ctx context.Context, call *Call) {
		write := func(pieces ...[]byte) {
			p, err := call.Stream(ctx, Format{Encoding: WAVFile})
			if err != nil {
				log = append(log, err.Error())
				return
			}
			for _, piece := range pieces {
				n, err := p.Write(piece)
				log = append(log, fmt.Sprint(n, " ", err))
			}
			log = append(log, fmt.Sprint(p.Close()))
		}
		file := stereoFile()
		write(file[:3], file[3:21], file[21:])
		write(file[:12], []byte("fmt \x02\x00\x00\x00??"))
		write(file[:40])
		write()
	})
	with(t, Plugin{Handler: bot}, func(t *testing.T, h *fakeHost) {
		sent := 0
		for _, c := range h.send(start(1, 1<<20)) {
			sent += len(c.Audio)
		}
		want := []string{
			"3 <nil>", "18 <nil>", fmt.Sprint(len(stereoFile())-21, " <nil>"), "<nil>",
			"12 <nil>", "0 write prompt: audio: WAV file: fmt chunk of 2 bytes at byte 12", "close prompt: audio: WAV file: fmt chunk of 2 bytes at byte 12",
			"40 <nil>", "close prompt: audio: WAV file: end of file before any data chunk at byte 40",
			"<nil>",
		}
		if got := placeless(strings.Join(log, "\n")); got != strings.Join(want, "\n") {
			t.Errorf("log is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
		if want := len(stereoFile()) + 12 + 40; sent != want {
			t.Errorf("%d bytes were sent, want %d", sent, want)
		}
	})
}

func TestConverter(t *testing.T) {
	c, err := NewConverter(Format{}, Format{Encoding: Linear16, Rate: 16000})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Flush(c.Convert(nil, make([]byte, 8000)))); n != 32000 {
		t.Errorf("a second of mu-law became %d bytes of linear16 at 16 kHz, want 32000", n)
	}
	for _, bad := range []Format{{Encoding: WAVFile}, {Encoding: 99}, {Rate: 1}, {Channels: 3}} {
		if _, err := NewConverter(bad, Format{}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if _, err := NewConverter(Format{}, Format{Channels: 2}); err == nil {
		t.Error("stereo was taken as a target")
	}
}
