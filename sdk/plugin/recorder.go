package plugin

import "time"

const (
	// kept is how much audio is kept while nobody is known to speak. It has to
	// reach back to before the speech that is found next.
	kept = 2 * time.Second
	// longestUtterance bounds memory where nobody ends a turn.
	longestUtterance = 10 * time.Minute
)

// recorder keeps the caller's audio with its positions, so that an utterance can
// be cut out of it. The zero recorder is empty.
type recorder struct {
	format Format
	pieces []piece
}

type piece struct {
	at   time.Duration
	data []byte
}

// add keeps a piece of audio. Without a turn under way it forgets older ones.
func (r *recorder) add(at time.Duration, a Audio, inTurn bool) {
	if a.Format != r.format {
		r.format, r.pieces = a.Format, nil
	}
	r.pieces = append(r.pieces, piece{at, a.Data})
	if inTurn {
		r.forget(longestUtterance)
	} else {
		r.trim()
	}
}

// trim forgets all but the latest audio.
func (r *recorder) trim() { r.forget(kept) }

func (r *recorder) forget(keep time.Duration) {
	if len(r.pieces) == 0 {
		return
	}
	latest := r.pieces[len(r.pieces)-1].at
	old := 0
	for r.pieces[old].at < latest-keep {
		old++
	}
	if old == 0 {
		return
	}
	n := copy(r.pieces, r.pieces[old:])
	clear(r.pieces[n:])
	r.pieces = r.pieces[:n]
}

// between returns the audio from one position to another. Where some was lost it
// is that much shorter.
func (r *recorder) between(from, to time.Duration) Audio {
	format := r.format.audio()
	cut := Audio{Format: r.format}
	for _, p := range r.pieces {
		first := min(format.Bytes(from-p.at), len(p.data))
		last := min(format.Bytes(to-p.at), len(p.data))
		if first < last {
			cut.Data = append(cut.Data, p.data[first:last]...)
		}
	}
	return cut
}
