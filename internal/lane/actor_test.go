package lane

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	synctest.Test(t, func(t *testing.T) {
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
				if a.Put(30) || a.Post(30) {
					t.Error("an item was taken after Close")
				}
			}
			done = append(done, *v)
		}, func() { ends++ })
		a.Put(0)
		a.Post(1)
		synctest.Wait()
		if len(done) != 0 {
			t.Errorf("%v was done before Start", done)
		}
		if a.Start(); fmt.Sprint(done) != "[0 1]" {
			t.Errorf("done is %v, want what was put before Start", done)
		}
		a.Put(2)
		if synctest.Wait(); fmt.Sprint(done) != "[0 1 2 20 21]" || ends != 1 {
			t.Errorf("done is %v, ended %d times, want [0 1 2 20 21] and once", done, ends)
		}
		a.Close()
		if synctest.Wait(); a.Put(3) || ends != 1 {
			t.Errorf("after a second Close it has ended %d times", ends)
		}
	})
}

// TestActorEndsIdle: one with nothing to do ends, too.
func TestActorEndsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := 0
		a := NewActor(func(*int) {}, func() { ends++ })
		a.Start()
		a.Close()
		a.Close()
		if synctest.Wait(); ends != 1 {
			t.Errorf("it has ended %d times", ends)
		}
	})
}

// TestActorHoldsNobodyUp: who puts an item does that one at most, and who posts one none.
func TestActorHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		var done []int
		a := NewActor(func(v *int) {
			done = append(done, *v)
			<-held
		}, nil)
		a.Start()
		for _, test := range []struct {
			name string
			add  func(int) bool
			does string
		}{{"Put", a.Put, "[1]"}, {"Post", a.Post, "[1]"}} {
			done = nil
			returned := false
			go func() {
				test.add(1)
				returned = true
			}()
			synctest.Wait()
			if fmt.Sprint(done) != test.does || returned != (test.name == "Post") {
				t.Errorf("%s does %v, and has returned %t", test.name, done, returned)
			}
			for i := range 200 {
				a.Put(2 + i) // goes on at once
			}
			held <- struct{}{} // the first is done
			if synctest.Wait(); fmt.Sprint(done) != "[1 2]" || !returned {
				t.Errorf("%s: done is %v, and the one who put the first has returned %t", test.name, done, returned)
			}
			for range 200 {
				held <- struct{}{}
			}
			synctest.Wait()
		}
	})
}

func TestActorRetainsNothing(t *testing.T) {
	a := NewActor(func(**int) {}, nil)
	for range keptItems + 1 {
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
