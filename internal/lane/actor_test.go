package lane

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// TestActor: whoever puts items, they are done one at a time, and those of each in
// their order.
func TestActor(t *testing.T) {
	const writers, each = 8, 1000
	var next [writers]int
	var inside atomic.Int32
	ended := make(chan struct{})
	a := NewActor(func(v *int) {
		if inside.Add(1) != 1 {
			t.Error("two items are done at the same time")
		}
		if w := *v / each; *v%each != next[w] {
			t.Errorf("writer %d: %d came where %d was due", w, *v%each, next[w])
		} else {
			next[w]++
		}
		inside.Add(-1)
	}, func() { close(ended) })
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if !a.Put(w*each + i) {
					t.Error("Put = false")
				}
			}
		})
	}
	a.Start()
	wg.Wait()
	a.Close()
	<-ended
	for w, n := range next {
		if n != each {
			t.Errorf("%d items of writer %d were done, want %d", n, w, each)
		}
	}
}

// TestActorWaits holds what becomes of items that cannot be done at once.
func TestActorWaits(t *testing.T) {
	var done []int
	ends := 0
	var a *Actor[int]
	a = NewActor(func(v *int) {
		if *v == 2 {
			a.Put(20) // from within
			a.Put(21)
			if fmt.Sprint(done) != "[0 1]" {
				t.Errorf("an item was done within another: %v", done)
			}
		}
		if *v == 20 {
			a.Close()
			if a.Put(30) {
				t.Error("Put after Close = true")
			}
		}
		done = append(done, *v)
	}, func() { ends++ })
	a.Put(0)
	a.Put(1)
	if len(done) != 0 {
		t.Errorf("%v was done before Start", done)
	}
	a.Start()
	if fmt.Sprint(done) != "[0 1]" {
		t.Errorf("done is %v, want what was put before Start", done)
	}
	if !a.Put(2) || fmt.Sprint(done) != "[0 1 2 20 21]" || ends != 1 {
		t.Errorf("done is %v, ended %d times, want [0 1 2 20 21] and once", done, ends)
	}
	if a.Close(); a.Put(3) || ends != 1 {
		t.Errorf("after a second Close it has ended %d times", ends)
	}
	idle := NewActor(func(*int) {}, func() { ends++ })
	idle.Start()
	if idle.Close(); ends != 2 {
		t.Error("an actor with nothing to do was closed and did not end")
	}
}

// TestActorHoldsNobodyUp: who does items for one that puts and puts is let go.
func TestActorHoldsNobodyUp(t *testing.T) {
	release, ended := make(chan struct{}), make(chan struct{})
	done := 0
	var a *Actor[int]
	a = NewActor(func(*int) {
		switch done++; done {
		case 2 * atOnce:
			<-release
		case 3 * atOnce:
			a.Close()
		}
		a.Put(done)
	}, func() { close(ended) })
	a.Start()
	a.Put(0) // hangs if all that follows is done by this goroutine
	close(release)
	<-ended
	if done != 3*atOnce {
		t.Errorf("%d items were done, want %d", done, 3*atOnce)
	}
}

func TestActorRetainsNothing(t *testing.T) {
	a := NewActor(func(**int) {}, nil)
	for range 3 * atOnce {
		a.Put(new(int))
	}
	a.Start()
	if a.spare != nil {
		t.Errorf("a buffer of %d items was kept", cap(a.spare))
	}
	for range 10 {
		a.Put(new(int))
	}
	for _, p := range append(a.items[:cap(a.items)], a.spare[:cap(a.spare)]...) {
		if p != nil {
			t.Fatal("an item that was done is still held")
		}
	}
}

func BenchmarkActor(b *testing.B) {
	a := NewActor(func(**record) {}, nil)
	a.Start()
	item := &record{}
	b.ReportAllocs()
	for b.Loop() {
		a.Put(item)
	}
}
