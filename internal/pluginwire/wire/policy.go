package wire

import (
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/byova-host/byova-host/internal/audio"
	"github.com/byova-host/byova-host/internal/lane"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
)

// How much caller audio waits for a plugin, at either end. A plugin that has
// taken nothing for AudioWaiting keeps only the latest AudioWaiting of it: older
// audio is dropped and a gap takes its place. Audio that comes faster than it is
// spoken may wait up to MostAudioWaiting, which is a little more than the longest
// utterance.
const (
	AudioWaiting     = 2 * time.Second
	MostAudioWaiting = 32 * time.Second
)

// Format converts the wire's format. What it does not know stays unknown, and is
// refused where the format is used.
func Format(f *pluginv1.Format) audio.Format {
	encoding := audio.Encoding(min(uint32(f.GetEncoding()), math.MaxUint8))
	return audio.Format{Encoding: encoding, Rate: int(f.GetRate()), Channels: int(f.GetChannels())}.Normal()
}

// Events is how caller audio in the given format and the events beside it wait
// for the plugin, at either end.
func Events(format audio.Format) lane.Policy[*pluginv1.Event] {
	return lane.Policy[*pluginv1.Event]{
		Audio: (*pluginv1.Event).GetAudio,
		Size:  func(e *pluginv1.Event) int { return proto.Size(e) },
		Joins: func(last, next *pluginv1.Event) bool {
			off := last.AtMs + milliseconds(format, len(last.Audio)) - next.AtMs
			return last.Track == next.Track && last.Replayed == next.Replayed &&
				-1 <= off && off <= 1 // positions are whole milliseconds, audio is not
		},
		Merge: func(last, next *pluginv1.Event, audio []byte) *pluginv1.Event {
			last.Audio, last.Seq = audio, next.Seq
			return last
		},
		Limit:    format.Bytes(AudioWaiting),
		Patience: AudioWaiting,
		Most:     format.Bytes(MostAudioWaiting),
		Cut: func(e *pluginv1.Event, n int) (*pluginv1.Event, int) {
			ms := milliseconds(format, n-1) + 1
			cut := format.Bytes(time.Duration(ms) * time.Millisecond)
			if cut >= len(e.Audio) {
				return nil, len(e.Audio)
			}
			return &pluginv1.Event{
				Call: e.Call, Seq: e.Seq, AtMs: e.AtMs + ms, Replayed: e.Replayed,
				Track: e.Track, Audio: e.Audio[cut:],
			}, cut
		},
		// A gap is no event of the session but of this hop: it has no number.
		Gap: func(from *pluginv1.Event, bytes int) *pluginv1.Event {
			return &pluginv1.Event{
				Call: from.Call, AtMs: from.AtMs, Track: from.Track,
				Body: &pluginv1.Event_Gap{Gap: &pluginv1.Gap{Ms: milliseconds(format, bytes)}},
			}
		},
	}
}

func milliseconds(format audio.Format, bytes int) int64 {
	return format.Duration(bytes).Milliseconds()
}

// Commands is how prompts and the commands beside them wait for the host. Their
// audio is held by credit, so nothing of it is dropped.
func Commands() lane.Policy[*pluginv1.Command] {
	return lane.Policy[*pluginv1.Command]{
		Audio: (*pluginv1.Command).GetAudio,
		Size:  func(c *pluginv1.Command) int { return proto.Size(c) },
		Joins: func(last, next *pluginv1.Command) bool {
			return last.Turn == next.Turn && last.Prompt == next.Prompt && !last.PromptEnd &&
				last.Ref == next.Ref // or a refusal would not say which
		},
		Merge: func(last, next *pluginv1.Command, audio []byte) *pluginv1.Command {
			last.Audio, last.PromptEnd = audio, next.PromptEnd
			return last
		},
	}
}
