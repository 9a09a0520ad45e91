package lane

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// record is an item as the tests see it: audio at a position, a gap or control.
type record struct {
	at    int // position of the first byte of audio
	audio []byte
	gap   int
	ctl   int // control items count from 1
	size  int // of a control item; 0 means 1
}

func policy(limit int) Policy[*record] {
	return Policy[*record]{
		Audio: func(r *record) []byte { return r.audio },
		Size:  func(r *record) int { return max(1, r.size) },
		Joins: func(last, next *record) bool { return last.at+len(last.audio) == next.at },
		Merge: func(last, _ *record, audio []byte) *record { last.audio = audio; return last },
		Limit: limit,
		Cut: func(r *record, n int) (*record, int) {
			n = (n + 7) / 8 * 8 // whole milliseconds
			if n >= len(r.audio) {
				return nil, len(r.audio)
			}
			return &record{at: r.at + n, audio: r.audio[n:]}, n
		},
		Gap: func(from *record, n int) *record { return &record{at: from.at, gap: n} },
	}
}

// pattern makes every byte of audio say where it belongs.
func pattern(at, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((at + i) * 7)
	}
	return b
}

// verify reads a call's items in the order sent: positions without holes,
// control in order, each byte of audio what it was. It returns bytes heard and
// bytes in gaps. Two gaps may meet where the first was taken before the second.
func verify(t *testing.T, items []*record, controls int) (heard, gaps int) {
	t.Helper()
	at, ctl := 0, 0
	for i, r := range items {
		switch {
		case r.ctl > 0:
			if ctl++; r.ctl != ctl {
				t.Fatalf("item %d is control %d, want %d", i, r.ctl, ctl)
			}
		case r.gap > 0:
			if r.at != at {
				t.Fatalf("item %d is a gap at %d, want one at %d", i, r.at, at)
			}
			at, gaps = at+r.gap, gaps+r.gap
		default:
			if r.at != at || !bytes.Equal(r.audio, pattern(at, len(r.audio))) {
				t.Fatalf("item %d is audio at %d, want its bytes at %d", i, r.at, at)
			}
			at, heard = at+len(r.audio), heard+len(r.audio)
		}
	}
	if ctl != controls {
		t.Fatalf("%d control items came, %d were pushed", ctl, controls)
	}
	return heard, gaps
}

// FuzzInboxAnyOrder pushes and takes in any order that the bytes describe.
func FuzzInboxAnyOrder(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		seed := make([]byte, 400)
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		const limit = 1600
		box := NewInbox(policy(limit))
		var got []*record
		at, controls := 0, 0
		for _, op := range ops {
			switch {
			case op < 32:
				taken := box.Take(nil)
				for i := 1; i < len(taken); i++ {
					if taken[i-1].gap > 0 && taken[i].gap > 0 {
						t.Fatal("two gaps wait side by side")
					}
				}
				got = append(got, taken...)
			case op < 96:
				controls++
				if err := box.Push(&record{ctl: controls}); err != nil {
					if !errors.Is(err, ErrFull) || box.queue.controls != defaultControls {
						t.Fatal(err)
					}
					controls--
				}
			default:
				n := int(op) * 3
				if err := box.Push(&record{at: at, audio: pattern(at, n)}); err != nil {
					t.Fatal(err)
				}
				at += n
			}
			if box.queue.audio > limit {
				t.Fatalf("%d bytes of audio wait, the limit is %d", box.queue.audio, limit)
			}
		}
		got = box.Take(got)
		heard, gaps := verify(t, got, controls)
		if heard+gaps != at || int64(gaps) != box.Dropped() {
			t.Fatalf("heard %d + gaps %d (counted %d), pushed %d", heard, gaps, box.Dropped(), at)
		}
		if box.queue.audio != 0 || box.queue.controls != 0 {
			t.Fatalf("an empty inbox counts %d bytes, %d control", box.queue.audio, box.queue.controls)
		}
	})
}

func TestOverflowLeavesOneGap(t *testing.T) {
	box := NewInbox(policy(800))
	box.Push(&record{ctl: 1})
	for at := 0; at < 8000; at += 160 {
		box.Push(&record{at: at, audio: pattern(at, 160)})
	}
	got := box.Take(nil)
	if len(got) != 3 || got[1].gap != 7200 || len(got[2].audio) != 800 {
		t.Errorf("items = %+v, want control, a gap of 7200 bytes and 800 bytes of audio", got)
	}
	verify(t, got, 1)
}

// TestAudioAtOnce: what comes in a burst may wait above the limit while it is
// being taken; what waits for too long, or is too much, is dropped.
func TestAudioAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := policy(100)
		p.Patience, p.Most = 2*time.Second, 1000
		b := NewInbox(p)
		push := func(at, bytes int) {
			t.Helper()
			if err := b.Push(&record{at: at, audio: pattern(at, bytes)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Push(&record{ctl: 1}); err != nil { // control does not make audio old
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		push(0, 900)
		if b.Dropped() != 0 {
			t.Errorf("%d bytes of a burst were dropped", b.Dropped())
		}
		push(900, 300)
		if b.Dropped() < 200 {
			t.Errorf("%d bytes were dropped of 1200, of which 1000 may wait", b.Dropped())
		}
		time.Sleep(time.Second)
		b.Take(nil)
		dropped := b.Dropped()
		time.Sleep(10 * time.Second) // nothing waits: nothing is late
		push(1200, 500)
		time.Sleep(time.Second)
		push(1700, 200)
		if b.Dropped() != dropped {
			t.Errorf("%d bytes were dropped within the patience", b.Dropped()-dropped)
		}
		time.Sleep(time.Second)
		push(1900, 10)
		if got := b.Dropped() - dropped; got < 610 {
			t.Errorf("%d bytes were dropped after it, want what is above the limit", got)
		}
	})
}

func TestControlIsBoundedByCount(t *testing.T) {
	box := NewInbox(policy(0))
	for i := range defaultControls {
		if err := box.Push(&record{ctl: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := box.Push(&record{ctl: 1}); !errors.Is(err, ErrFull) {
		t.Errorf("push of control 1001 = %v, want ErrFull", err)
	}
	if err := box.Push(&record{audio: []byte{1}}); err != nil {
		t.Errorf("audio beside full control: %v", err)
	}
	box.Close()
	if err := box.Push(&record{audio: []byte{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("push after Close = %v, want ErrClosed", err)
	}
	if got := box.Take(nil); len(got) != defaultControls+1 {
		t.Errorf("%d items after Close, want all %d", len(got), defaultControls+1)
	}
}

func TestPushedAudioIsNotGrownInPlace(t *testing.T) {
	box := NewInbox(policy(0))
	whole := pattern(0, 320)
	box.Push(&record{audio: whole[:160]})
	box.Push(&record{at: 160, audio: []byte{1, 2, 3}})
	if !bytes.Equal(whole, pattern(0, 320)) {
		t.Error("merging wrote into the array behind the pushed audio")
	}
}

// call is one lane's traffic in the sender tests.
type call struct {
	id int
	*record
}

func callPolicy(limit int) Policy[call] {
	p := policy(limit)
	return Policy[call]{
		Audio: func(c call) []byte { return p.Audio(c.record) },
		Size:  func(c call) int { return p.Size(c.record) },
		Joins: func(last, next call) bool { return p.Joins(last.record, next.record) },
		Merge: func(last, next call, audio []byte) call {
			return call{last.id, p.Merge(last.record, next.record, audio)}
		},
		Limit: limit,
		Cut: func(c call, n int) (call, int) {
			rest, n := p.Cut(c.record, n)
			return call{c.id, rest}, n
		},
		Gap: func(from call, n int) call { return call{from.id, p.Gap(from.record, n)} },
	}
}

func TestSenderKeepsEachLane(t *testing.T) {
	const lanes, pushes = 20, 500
	s := NewSender[call]()
	var sent [lanes][]*record
	var run, push sync.WaitGroup
	run.Go(func() {
		err := s.Run(t.Context(), func(batch []call) error {
			for _, c := range batch {
				sent[c.id] = append(sent[c.id], c.record)
			}
			return nil
		})
		if err != nil {
			t.Errorf("Run = %v, want nil after Close", err)
		}
	})
	var pushed, controls [lanes]int
	var dropped [lanes]int64
	for id := range lanes {
		push.Go(func() {
			l := s.Open(callPolicy(1600))
			rng := rand.New(rand.NewPCG(uint64(id), 9))
			for range pushes {
				if rng.IntN(4) == 0 {
					controls[id]++
					if err := l.Push(call{id, &record{ctl: controls[id]}}); err != nil {
						t.Error(err)
					}
					continue
				}
				n := 1 + rng.IntN(700)
				if err := l.Push(call{id, &record{at: pushed[id], audio: pattern(pushed[id], n)}}); err != nil {
					t.Error(err)
				}
				pushed[id] += n
			}
			l.Close()
			dropped[id] = l.Dropped()
		})
	}
	push.Wait()
	s.Close()
	run.Wait()
	for id := range lanes {
		heard, gaps := verify(t, sent[id], controls[id])
		if heard+gaps != pushed[id] || int64(gaps) != dropped[id] {
			t.Errorf("lane %d: heard %d + gaps %d (counted %d), pushed %d", id, heard, gaps, dropped[id], pushed[id])
		}
	}
}

func TestSenderIsFair(t *testing.T) {
	s := NewSender[call]()
	flood, quiet := s.Open(callPolicy(0)), s.Open(callPolicy(0))
	for i := range 100 {
		flood.Push(call{0, &record{ctl: i + 1, size: 16 << 10}})
	}
	quiet.Push(call{1, &record{ctl: 1}})
	before := 0
	stop := errors.New("seen")
	err := s.Run(t.Context(), func(batch []call) error {
		for _, c := range batch {
			if c.id == 1 {
				return stop
			}
			before++
		}
		return nil
	})
	if !errors.Is(err, stop) || before > 2 {
		t.Errorf("Run = %v, %d records of 16 KiB went before the quiet lane's, want at most 2", err, before)
	}
	for _, l := range []*Lane[call]{flood, quiet} {
		if err := l.Push(call{0, &record{ctl: 1}}); !errors.Is(err, ErrClosed) {
			t.Errorf("push after Run = %v, want ErrClosed", err)
		}
	}
}

func TestSenderBatchLimit(t *testing.T) {
	s := NewSender[call]()
	for id := range 10 {
		l := s.Open(callPolicy(0))
		for i := range 4 {
			l.Push(call{id, &record{ctl: i + 1, size: 10_000}})
		}
	}
	s.Close()
	count := 0
	err := s.Run(t.Context(), func(batch []call) error {
		count += len(batch)
		if n := len(batch) * 10_000; n > batchLimit+10_000 {
			t.Errorf("a batch of %d bytes", n)
		}
		return nil
	})
	if err != nil || count != 40 {
		t.Errorf("Run = %v after %d items, want nil after 40", err, count)
	}
}

func TestSenderEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := NewSender[call]()
		l := s.Open(callPolicy(0))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Run(ctx, func([]call) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if err := l.Push(call{0, &record{ctl: 1}}); !errors.Is(err, ErrClosed) {
			t.Errorf("push after the end = %v, want ErrClosed", err)
		}
	})
}

// BenchmarkLanes is the steady state of a plugin that keeps up: 64 calls, a
// frame each, taken in batches. Control stands for frames that do not merge.
func BenchmarkLanes(b *testing.B) {
	s := NewSender[call]()
	var lanes [64]*Lane[call]
	var items [64]call
	for i := range lanes {
		lanes[i] = s.Open(callPolicy(16000))
		items[i] = call{i, &record{audio: pattern(0, 160)}}
	}
	var batch []call
	b.ReportAllocs()
	for b.Loop() {
		for i, l := range lanes {
			l.Push(items[i])
		}
		for batch = s.fill(batch[:0]); len(batch) > 0; batch = s.fill(batch[:0]) {
		}
	}
}

// BenchmarkMerge is a call that is ten frames behind.
func BenchmarkMerge(b *testing.B) {
	s := NewSender[call]()
	l := s.Open(callPolicy(16000))
	var batch []call
	frame := pattern(0, 160)
	var items [10]record
	b.ReportAllocs()
	for b.Loop() {
		for i := range items {
			items[i] = record{at: 160 * i, audio: frame}
			l.Push(call{0, &items[i]})
		}
		batch = s.fill(batch[:0])
	}
}
