package heapfloor

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The floors, in bytes: a host's is one of its kind on a machine, and of plugins there
// may be some.
const (
	OfHost   = 64 << 20
	OfPlugin = 16 << 20
)

// usual is how much a heap grows before it is collected, in percent.
const usual = 100

var once sync.Once

// Set lets the heap grow to that many bytes before it is collected. A heap that
// reaches it otherwise is collected as ever. Only the first call in a process counts,
// and none where GOGC is set: somebody has decided then. So has a program that calls
// debug.SetGCPercent itself.
func Set(bytes uint64) {
	once.Do(func() {
		if os.Getenv("GOGC") != "" {
			return
		}
		f := &floor{bytes: bytes, percent: usual}
		if f.adjust() {
			f.arm()
		}
	})
}

type floor struct {
	bytes   uint64
	percent int
}

// arm has adjust called after the next collection, and after each that follows.
func (f *floor) arm() {
	// Its cleanup is called when a collection has found it to be garbage. It is large
	// enough to be collected alone: very small objects share their memory.
	type sentinel [64]byte
	runtime.AddCleanup(&sentinel{}, func(f *floor) {
		if f.adjust() {
			f.arm()
		}
	}, f)
}

// adjust sets how far the heap may grow. To set it stops the world for a moment, so
// small changes are left alone. It returns false when the program has set it meanwhile:
// then that counts.
func (f *floor) adjust() bool {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := growth(live[0].Value.Uint64(), f.bytes)
	if diff := percent - f.percent; diff <= f.percent/4 && diff >= -f.percent/4 {
		return true
	}
	if set := debug.SetGCPercent(percent); set != f.percent {
		debug.SetGCPercent(set)
		return false
	}
	f.percent = percent
	return true
}

// growth is by how many percent a live heap may grow, to reach the floor.
func growth(live, floor uint64) int {
	live = max(live, 1<<20)
	if floor <= live {
		return usual
	}
	return int(min(max(usual, (floor-live)*100/live), math.MaxInt32))
}
