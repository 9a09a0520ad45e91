package lane

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrClosed says that a lane, an inbox or the stream behind it takes no more.
var ErrClosed = errors.New("lane is closed")

// ErrFull says that too many control items wait: whoever should take them has
// stopped. The call is beyond help, because control is never dropped.
var ErrFull = errors.New("too many control items are waiting")

const (
	defaultControls = 1000
	// mergeLimit keeps a merged item small enough to share a batch fairly.
	mergeLimit = 16 << 10
	// overhead is what a record of audio costs on the wire beside its audio.
	overhead = 32
)

// Policy tells a queue what its items are. An item that carries audio may be
// merged with its neighbour or dropped; every other item is control and is
// neither. The funcs are called under the queue's lock and must be quick.
type Policy[T any] struct {
	// Audio returns the item's audio; empty for a control item. Needed.
	Audio func(item T) []byte
	// Size returns the bytes of a control item on the wire. Nil counts a
	// small constant.
	Size func(item T) int

	// Joins reports whether next's audio goes on where last's ends: same
	// turn, same prompt, no hole. Nil means that nothing is merged.
	Joins func(last, next T) bool
	// Merge returns last carrying the given audio, which is last's and
	// next's, and what else next says. It may change last. Needed with Joins.
	Merge func(last, next T, audio []byte) T

	// Limit is the most audio that waits, in bytes, for whoever has taken
	// nothing for as long as Patience. Beyond it the oldest waiting audio is
	// dropped and a gap item takes its place. Zero means no limit here, for
	// senders that are held by credit.
	Limit int
	// Patience lets audio that comes at once wait above Limit, up to Most, as
	// long as it is being taken: only what waits for too long is worth
	// nothing. Zero means none.
	Patience time.Duration
	// Most is the most audio that ever waits, in bytes. Needed with Patience.
	Most int
	// Cut removes at least n bytes of audio from the item's front, n being
	// smaller than its audio, and returns how many it removed: whole samples,
	// or better whole milliseconds. Needed with Limit.
	Cut func(item T, n int) (rest T, cut int)
	// Gap returns the item that stands for the given bytes of dropped audio.
	// From is the first audio that was dropped, or the gap that grows. It must
	// not change from. Needed with Limit.
	Gap func(from T, bytes int) T

	// Controls is the most control items that wait; a further one fails with
	// ErrFull. Zero means 1000.
	Controls int
}

type entry[T any] struct {
	item  T
	audio int // bytes of audio
	size  int // bytes on the wire
	gap   int // bytes of audio this gap stands for; 0 for all other items
	// owned says that the audio lies in a buffer of the queue's own, with room
	// to grow. Audio as pushed may be part of a larger array and is not grown
	// in place.
	owned bool
}

// queue is the part that lanes and inboxes share. It has no lock of its own.
type queue[T any] struct {
	policy   Policy[T]
	entries  []entry[T]
	head     int // entries before it have been taken
	audio    int
	controls int
	dropped  int64
	since    time.Time // when audio was last taken, or began to wait; with Patience
}

func (q *queue[T]) empty() bool { return q.head == len(q.entries) }

func (q *queue[T]) push(item T) error {
	audio := q.policy.Audio(item)
	if len(audio) == 0 {
		return q.pushControl(item)
	}
	if q.audio == 0 && q.policy.Patience > 0 {
		q.since = time.Now()
	}
	q.audio += len(audio)
	if !q.merge(item, audio) {
		q.entries = append(q.entries, entry[T]{item: item, audio: len(audio), size: len(audio) + overhead})
	}
	q.dropOldest(q.excess())
	return nil
}

// excess is how much audio waits that must not.
func (q *queue[T]) excess() int {
	switch p := &q.policy; {
	case p.Limit == 0 || q.audio <= p.Limit:
		return 0
	case p.Patience == 0 || time.Since(q.since) >= p.Patience:
		return q.audio - p.Limit
	default:
		return q.audio - p.Most
	}
}

func (q *queue[T]) pushControl(item T) error {
	most := q.policy.Controls
	if most == 0 {
		most = defaultControls
	}
	if q.controls >= most {
		return fmt.Errorf("%w (%d)", ErrFull, q.controls)
	}
	q.controls++
	size := overhead
	if q.policy.Size != nil {
		size = q.policy.Size(item)
	}
	q.entries = append(q.entries, entry[T]{item: item, size: size})
	return nil
}

// merge adds the audio to the last waiting item when it goes on there.
func (q *queue[T]) merge(item T, audio []byte) bool {
	if q.policy.Joins == nil || q.empty() {
		return false
	}
	last := &q.entries[len(q.entries)-1]
	if last.audio == 0 || last.audio+len(audio) > mergeLimit || !q.policy.Joins(last.item, item) {
		return false
	}
	whole := q.policy.Audio(last.item)
	if !last.owned {
		// Room for a few more like these: the call is behind, more will come.
		whole = append(make([]byte, 0, min(mergeLimit, 4*(len(whole)+len(audio)))), whole...)
		last.owned = true
	}
	last.item = q.policy.Merge(last.item, item, append(whole, audio...))
	last.audio += len(audio)
	last.size += len(audio)
	return true
}

// dropOldest drops at least n bytes of the oldest audio and leaves gaps.
func (q *queue[T]) dropOldest(n int) {
	for i := q.head; n > 0 && i < len(q.entries); i++ {
		e := &q.entries[i]
		if e.audio == 0 {
			continue
		}
		from, cut, whole := e.item, e.audio, true
		if n < e.audio {
			// The gap is made first: cutting may move the item's position.
			rest, removed := q.policy.Cut(e.item, n)
			if removed < e.audio {
				cut, whole = removed, false
				from, e.item = e.item, rest
				e.audio -= cut
				e.size -= cut
			}
		}
		q.audio -= cut
		q.dropped += int64(cut)
		n -= cut
		i = q.leaveGap(i, from, cut, whole)
	}
}

// leaveGap puts the gap for what was cut from entry i before it, or in its
// place if nothing of it is left, and returns the index of the gap.
func (q *queue[T]) leaveGap(i int, from T, cut int, whole bool) int {
	if i > q.head && q.entries[i-1].gap > 0 {
		gap := &q.entries[i-1]
		gap.gap += cut
		gap.item = q.policy.Gap(gap.item, gap.gap)
		if whole {
			q.entries = slices.Delete(q.entries, i, i+1)
		}
		return i - 1
	}
	gap := entry[T]{item: q.policy.Gap(from, cut), size: overhead, gap: cut}
	if whole {
		q.entries[i] = gap
		return i
	}
	q.entries = slices.Insert(q.entries, i, gap)
	return i
}

// take appends waiting items to dst while their sizes fit into limit, at least
// one, and returns the bytes taken. A limit of 0 takes all.
func (q *queue[T]) take(dst []T, limit int) ([]T, int) {
	size := 0
	if q.policy.Patience > 0 && q.audio > 0 {
		q.since = time.Now()
	}
	for !q.empty() {
		e := &q.entries[q.head]
		if limit > 0 && size > 0 && size+e.size > limit {
			break
		}
		dst = append(dst, e.item)
		size += e.size
		q.audio -= e.audio
		if e.audio == 0 && e.gap == 0 {
			q.controls--
		}
		*e = entry[T]{}
		q.head++
	}
	if q.empty() {
		q.entries, q.head = q.entries[:0], 0
	} else if q.head > 64 && q.head > len(q.entries)/2 {
		n := copy(q.entries, q.entries[q.head:])
		clear(q.entries[n:])
		q.entries, q.head = q.entries[:n], 0
	}
	return dst, size
}

func (q *queue[T]) clear() {
	q.entries, q.head, q.audio, q.controls = nil, 0, 0, 0
}
