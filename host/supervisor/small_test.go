package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

func TestTrials(t *testing.T) {
	one, other := new(pluginwire.Process), new(pluginwire.Process)
	for _, test := range []struct {
		name   string
		turn   bool
		do     func(*trials, *trial)
		blamed bool
	}{
		{"the process dies", true, func(*trials, *trial) {}, true},
		{"at the last moment", true, func(*trials, *trial) { time.Sleep(100*time.Millisecond - 1) }, true},
		{"too late", true, func(*trials, *trial) { time.Sleep(100 * time.Millisecond) }, false},
		{"after its answer", true, func(s *trials, x *trial) { s.end(x) }, false},
		{"another process died before", true, func(s *trials, _ *trial) {
			if s.died(other) {
				t.Error("blamed for another process")
			}
		}, true},
		{"another's end", true, func(s *trials, _ *trial) { s.end(&trial{}); s.end(nil) }, true},
		{"no turn is open", false, func(s *trials, x *trial) { s.told(x.call, true); s.told(&call{process: other}, true) }, true},
		{"none, and something else was going on", false, func(s *trials, _ *trial) { s.told(&call{process: one}, false) }, false},
		{"a turn is open, and something else was going on", true, func(s *trials, _ *trial) { s.told(&call{process: one}, false) }, true},
		{"a turn is open, and another call's has come", true, func(s *trials, _ *trial) { s.told(&call{process: one}, true) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s trials
				if s.wait() != 0 || s.died(one) {
					t.Error("somebody is on trial at first")
				}
				x := s.begin(&call{process: one}, test.turn, 100*time.Millisecond)
				if got := s.wait(); got != 100*time.Millisecond {
					t.Errorf("the next has to wait %v", got)
				}
				test.do(&s, x)
				s.told(x.call, true)
				if blamed := s.died(one); blamed != test.blamed || x.blamed != test.blamed {
					t.Errorf("blamed = %v, %v, want %v", blamed, x.blamed, test.blamed)
				}
				if s.wait() != 0 || s.died(one) {
					t.Error("the place is not free")
				}
			})
		})
	}
	t.Run("something was going on shortly before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for _, test := range []struct {
				turn   bool
				before time.Duration
				blamed bool
			}{{false, idleFirst - 1, false}, {false, idleFirst, true}, {true, 0, true}} {
				var s trials
				s.told(&call{process: one}, true)
				time.Sleep(test.before)
				s.begin(&call{process: one}, test.turn, 100*time.Millisecond)
				if got := s.died(one); got != test.blamed {
					t.Errorf("%+v: blamed = %v", test, got)
				}
			}
		})
	})
	t.Run("the idle ones come first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var s trials
			s.back()
			if got := s.wait(); got != idleFirst {
				t.Errorf("the first suspect waits %v", got)
			}
			time.Sleep(idleFirst)
			s.begin(&call{process: one}, true, time.Second)
			if got := s.wait(); got != time.Second {
				t.Errorf("the next one waits %v", got)
			}
		})
	})
	for _, test := range []struct {
		suspect int
		rate    uint32
		want    time.Duration
	}{{0, 0, idleTrial}, {1, 0, 100 * time.Millisecond}, {1, 50, 20 * time.Millisecond}, {2, 50, 2 * time.Second}, {3, 0, 2 * time.Second}} {
		if got := window(test.suspect, test.rate); got != test.want {
			t.Errorf("window(%d, %d) = %v, want %v", test.suspect, test.rate, got, test.want)
		}
	}
}

func TestBreaker(t *testing.T) {
	limits := Breaker{Starts: 5, Deaths: 30}
	ms := time.Millisecond
	t.Run("backoff", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var b breaker
			b.died(limits)
			if b.wait() != 0 {
				t.Errorf("a death after the start checks waits %v", b.wait())
			}
			for i, want := range []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms} {
				b.failed(Breaker{Starts: 99, Deaths: 99}, true)
				if got := b.wait(); got != want {
					t.Errorf("failure %d waits %v, want %v", i+1, got, want)
				}
			}
			if b.died(Breaker{Starts: 99, Deaths: 99}); b.wait() != 0 {
				t.Errorf("a death after a standby's failures waits %v", b.wait())
			}
			b.failed(Breaker{Starts: 99, Deaths: 99}, true)
			time.Sleep(5 * time.Second)
			if b.wait() != 0 {
				t.Error("it waits for longer than it said")
			}
			b.passed()
			if b.failed(limits, true); b.wait() != 100*ms {
				t.Errorf("after a start that passed: %v", b.wait())
			}
		})
	})
	t.Run("opens", func(t *testing.T) {
		for _, test := range []struct {
			name string
			do   func(*breaker)
			want bool
		}{
			{"4 starts", func(b *breaker) { times(4, func() { b.failed(limits, true) }) }, false},
			{"5 starts", func(b *breaker) { times(5, func() { b.failed(limits, true) }) }, true},
			{"5 starts of a standby", func(b *breaker) { times(50, func() { b.failed(limits, false) }) }, false},
			{"a start passed between", func(b *breaker) {
				times(4, func() { b.failed(limits, true) })
				b.passed()
				times(4, func() { b.failed(limits, true) })
			}, false},
			{"29 deaths", func(b *breaker) { times(29, func() { b.died(limits) }) }, false},
			{"30 deaths", func(b *breaker) { times(30, func() { b.died(limits) }) }, true},
			{"30 deaths in more than a minute", func(b *breaker) {
				times(90, func() { b.died(limits); time.Sleep(61 * time.Second / 29) })
			}, false},
		} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var b breaker
					test.do(&b)
					if b.open != test.want || (b.wait() == forever) != test.want {
						t.Errorf("open = %v, wait %v", b.open, b.wait())
					}
				})
			})
		}
	})
}

func times(n int, f func()) {
	for range n {
		f()
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	none, l := lockFile{}, lockFile{path: path}
	a, b := lockedPlugin{"/a", "aa"}, lockedPlugin{"/b", "bb"}
	if err := none.write(map[string]lockedPlugin{"p": a}); err != nil || none.check("p", b) != nil {
		t.Errorf("without a file: %v", err)
	}
	if err := l.check("p", a); err != nil {
		t.Errorf("an empty file refuses: %v", err)
	}
	for _, each := range []map[string]lockedPlugin{{"p": a}, {"q": b}, {"q": b}} {
		if err := l.write(each); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	want := "{\n  \"plugins\": {\n    \"p\": {\n      \"path\": \"/a\",\n      \"sha256\": \"aa\"\n    },\n" +
		"    \"q\": {\n      \"path\": \"/b\",\n      \"sha256\": \"bb\"\n    }\n  }\n}\n"
	if string(text) != want {
		t.Errorf("the file is\n%s", text)
	}
	if err := l.check("p", a); err != nil {
		t.Errorf("refuses what it knows: %v", err)
	}
	err = l.check("p", b)
	for _, part := range []string{"/b has the sha256 bb", path, "/a with aa", `take "p" out of the lock file`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.check("p", a); err == nil || !strings.Contains(err.Error(), "repair it") {
		t.Errorf("a broken file: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
