package caller

import "github.com/byova-host/byova-host/internal/audio"

// recorder keeps both sides of a call on one time axis, as mu-law.
type recorder struct {
	on          bool
	left, right []byte
}

// caller adds a frame of the caller's line, bot one of what the caller hears.
func (r *recorder) caller(frame []byte) { r.left = r.append(r.left, frame) }
func (r *recorder) bot(frame []byte)    { r.right = r.append(r.right, frame) }

func (r *recorder) append(side, frame []byte) []byte {
	if !r.on {
		return nil
	}
	return append(side, frame...)
}

// wav is the recording as a file: 16-bit PCM at 8 kHz, the caller left, the
// bot right. It is nil when nothing was to be recorded.
func (r *recorder) wav() []byte {
	if !r.on {
		return nil
	}
	left, right := audio.DecodeMuLaw(nil, r.left), audio.DecodeMuLaw(nil, r.right)
	both := make([]int16, 2*max(len(left), len(right)))
	for i, s := range left {
		both[2*i] = s
	}
	for i, s := range right {
		both[2*i+1] = s
	}
	return audio.AppendWAV(nil, audio.WAV{
		Format:   audio.Format{Encoding: audio.Linear16, Rate: audio.Telephone.Rate},
		Channels: 2,
		Data:     audio.EncodeLinear16(nil, both),
	})
}
