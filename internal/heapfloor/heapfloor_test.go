package heapfloor

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
)

func TestGrowth(t *testing.T) {
	const floor = 64 << 20
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, 6300}, {1 << 20, 6300}, {4 << 20, 1500}, {16 << 20, 300}, {32 << 20, 100}, {33 << 20, 100}, {64 << 20, 100}, {1 << 30, 100},
	} {
		if got := growth(test.live, floor); got != test.want {
			t.Errorf("%d MiB may grow by %d %%, want %d", test.live>>20, got, test.want)
		}
	}
}

var garbage []byte

// collections is how often a process collects that makes 256 MiB of garbage.
func collections() (n uint64) {
	count := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(count)
	before := count[0].Value.Uint64()
	for range 4096 {
		garbage = make([]byte, 64<<10)
	}
	metrics.Read(count)
	return count[0].Value.Uint64() - before
}

// TestSet counts collections in a process of its own, with and without a floor, and
// with one that somebody's GOGC has the better of.
func TestSet(t *testing.T) {
	if floor := os.Getenv("TEST_FLOOR"); floor != "" {
		if floor == "yes" {
			Set(64 << 20)
		}
		runtime.GC() // the first after which the floor is known
		os.Stdout.WriteString(strings.Repeat("collected\n", int(collections())))
		return
	}
	count := func(env ...string) int {
		c := exec.Command(os.Args[0], "-test.run=^TestSet$")
		c.Env = append(os.Environ(), env...)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(out), "collected")
	}
	with, without := count("TEST_FLOOR=yes", "GOGC="), count("TEST_FLOOR=no", "GOGC=")
	if with*4 > without || with == 0 {
		t.Errorf("collected %d times with a floor, %d without", with, without)
	}
	if got := count("TEST_FLOOR=yes", "GOGC=100"); got < 2*with {
		t.Errorf("collected %d times where GOGC is set, %d with a floor", got, with)
	}
}

// TestAdjust: a heap that is larger than the floor is collected as ever.
func TestAdjust(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	debug.SetGCPercent(500)
	f := &floor{bytes: 1 << 10, percent: 500}
	if !f.adjust() || f.percent != usual {
		t.Errorf("may grow by %d %%, want %d", f.percent, usual)
	}
}

// TestProgramDecides: a floor gives way to a program that sets the growth itself.
func TestProgramDecides(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	f := &floor{bytes: 1 << 40, percent: usual}
	if f.adjust() {
		t.Error("goes on")
	}
	if got := debug.SetGCPercent(usual); got != 50 {
		t.Errorf("the program's 50 %% became %d", got)
	}
}
