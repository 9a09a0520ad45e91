package pluginwire_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/byova-host/byova-host/internal/pluginwire"
)

var leaked = regexp.MustCompile(`it uses (\d+) MiB of memory, its limit is 150 MiB$`)

func TestMemoryLimit(t *testing.T) {
	for _, name := range []string{"leaks", "leaky-kin", "leaks-soon"} {
		t.Run(name, func(t *testing.T) {
			l := newLauncher(t)
			config := l.config(name)
			config.Limits.Memory = 150 << 20
			s := newSink()
			p, err := pluginwire.Launch(t.Context(), config)
			if err == nil {
				open(t, p, s)
				gone(t, p)
				err = p.Err()
				if len(s.lost) != 1 || s.lost[0] != err {
					t.Errorf("the call was lost of %v", s.lost)
				}
			}
			found := leaked.FindStringSubmatch(fmt.Sprint(err))
			if found == nil {
				t.Fatalf("lost of %v", err)
			}
			if used, err := strconv.Atoi(found[1]); err != nil || used <= 150 {
				t.Errorf("lost for the use of %s MiB", found[1])
			}
		})
	}
}

func TestOpenFilesLimit(t *testing.T) {
	l := newLauncher(t)
	config := l.config("files")
	config.Limits.OpenFiles = 64
	p, err := pluginwire.Launch(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, p)
	l.log.until(t, "too many open files")
	var n int
	text := regexp.MustCompile(`opened (\d+) open /dev/null: too many`).FindStringSubmatch(l.log.String())
	if n, err = strconv.Atoi(text[1]); err != nil || n < 20 || n >= 64 {
		t.Errorf("the plugin had %d files more, want less than 64", n)
	}
}
