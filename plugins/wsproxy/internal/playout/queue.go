package playout

import (
	"slices"
	"time"
)

// Frame is the size of 20 ms.
const Frame = 160

// bytesPerSecond of the audio: mu-law at 8 kHz.
const bytesPerSecond = 8000

// Queue is the audio of one call that waits to be played. The zero Queue with a Lead
// is ready. One goroutine uses it.
type Queue struct {
	// Lead is how far what is released is ahead of what plays.
	Lead time.Duration

	audio []byte // not released
	// Positions in all that was ever queued.
	in, out int64
	ends    time.Time // when all that was released has been played
	marks   []mark
	items   []item
}

type mark struct {
	name string
	at   int64
}

// item is a stretch of audio that belongs together.
type item struct {
	id        string
	protected bool
	from, to  int64
	before    int64 // how much of the same item came in earlier stretches
}

// Piece is audio of one item that is to leave now.
type Piece struct {
	Item      string
	Protected bool
	Audio     []byte // valid until the next call
}

// Add queues audio of an item.
func (q *Queue) Add(id string, protected bool, audio []byte) {
	if len(audio) == 0 {
		return
	}
	q.audio = append(q.audio, audio...)
	n := len(q.items)
	if n == 0 || q.items[n-1].id != id || q.items[n-1].protected != protected {
		next := item{id: id, protected: protected, from: q.in, to: q.in}
		if n > 0 && q.items[n-1].id == id {
			next.before = q.items[n-1].before + q.items[n-1].to - q.items[n-1].from
		}
		q.items = append(q.items, next)
		n++
	}
	q.in += int64(len(audio))
	q.items[n-1].to = q.in
}

// Mark puts a mark behind what is queued.
func (q *Queue) Mark(name string) { q.marks = append(q.marks, mark{name, q.in}) }

// Waiting is how much is queued and has not been released.
func (q *Queue) Waiting() time.Duration { return duration(int64(len(q.audio))) }

// Playing says whether the caller hears something, or is about to.
func (q *Queue) Playing(now time.Time) bool { return len(q.audio) > 0 || q.ends.After(now) }

// Ends is when all that was released has been played.
func (q *Queue) Ends() time.Time { return q.ends }

// Release returns what is to leave now, at most most bytes, of one item and in whole
// frames. It is to be called until it returns nothing. A part of a frame at the end
// leaves only with the frame before it, or once the queue is final: then nothing more
// comes for now. All lets everything go at once.
func (q *Queue) Release(now time.Time, most int, final, all bool) (Piece, bool) {
	if len(q.audio) == 0 {
		return Piece{}, false
	}
	current := q.items[q.at(q.out)]
	rest := int(current.to - q.out)
	last := len(q.audio) == rest
	n := rest
	if !all {
		n = min(n, int(length(q.Lead-max(0, q.ends.Sub(now)))))
	}
	n = min(n, most)
	n -= n % Frame
	switch {
	case rest-n < Frame && n > 0 && rest <= most: // do not leave a crumb
		n = rest
	case n == 0 && rest < Frame && rest <= most && (final || all || !last):
		n = rest
	}
	if n <= 0 {
		return Piece{}, false
	}
	piece := Piece{Item: current.id, Protected: current.protected, Audio: q.audio[:n:n]}
	q.audio = q.audio[n:]
	q.out += int64(n)
	if q.ends.Before(now) {
		q.ends = now
	}
	q.ends = q.ends.Add(duration(int64(n)))
	q.forget(now)
	return piece, true
}

// at is the index of the item at a position.
func (q *Queue) at(position int64) int {
	for i := range q.items {
		if position < q.items[i].to {
			return i
		}
	}
	return len(q.items) - 1
}

// forget drops items that were heard, but for the last.
func (q *Queue) forget(now time.Time) {
	if heard := q.heard(now); len(q.items) > 1 {
		q.items = slices.Delete(q.items, 0, q.at(heard))
	}
}

// heard is the position up to which the caller has heard.
func (q *Queue) heard(now time.Time) int64 {
	return q.out - min(q.out, length(max(0, q.ends.Sub(now))))
}

// Reached returns the marks up to which everything has been played.
func (q *Queue) Reached(now time.Time) (names []string) {
	heard := q.heard(now)
	for len(q.marks) > 0 && q.marks[0].at <= heard {
		names = append(names, q.marks[0].name)
		q.marks = q.marks[1:]
	}
	return names
}

// NextMark is when the first mark is reached if nothing keeps what is queued from
// leaving, and false if none waits.
func (q *Queue) NextMark(now time.Time) (time.Time, bool) {
	if len(q.marks) == 0 {
		return time.Time{}, false
	}
	return now.Add(duration(q.marks[0].at - q.heard(now))), true
}

// Cut is what Flush has dropped.
type Cut struct {
	Item  string        // what was playing; empty if nothing was
	Heard time.Duration // how much of that
	Marks []string      // those that were not reached
}

// Flush drops everything that has not been heard, also what was released.
func (q *Queue) Flush(now time.Time) Cut {
	var cut Cut
	if q.Playing(now) && len(q.items) > 0 {
		heard := q.heard(now)
		playing := q.items[q.at(heard)]
		cut.Item = playing.id
		cut.Heard = duration(playing.before + max(0, heard-playing.from))
	}
	for _, m := range q.marks {
		cut.Marks = append(cut.Marks, m.name)
	}
	q.audio, q.marks, q.items = nil, nil, nil
	q.in = q.out
	q.ends = now
	return cut
}

func duration(bytes int64) time.Duration {
	return time.Duration(bytes) * time.Second / bytesPerSecond
}

func length(d time.Duration) int64 { return int64(d * bytesPerSecond / time.Second) }
