package pluginwire

import (
	"fmt"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

// lookEvery is how often the memory of a process is looked at.
const lookEvery = time.Second

// Limits are what a plugin may use. Zero means as much as it likes.
type Limits struct {
	// Memory is how many bytes the plugin and the processes it started may have
	// resident, added up. One that has more is lost. It is looked at once a second.
	Memory int64
	// OpenFiles is how many files the plugin may have open.
	OpenFiles int
}

// files limits the files that a process may have open.
func (l Limits) files(pid int) error {
	if l.OpenFiles == 0 {
		return nil
	}
	return limitFiles(pid, uint64(l.OpenFiles))
}

// apply sets the limits of a process and says which of them nobody holds.
func (l Limits) apply(pid int, log hclog.Logger) {
	if err := l.files(pid); err != nil {
		log.Warn("limit of open files is not held", "error", err)
	}
	if l.Memory == 0 {
		return
	}
	if _, err := resident(pid); err != nil {
		log.Warn("limit of memory is not held", "error", err)
	}
}

// keepWithin looks at the process's memory until its end is known.
func (p *Process) keepWithin() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := p.config.Limits.check(p.Pid()); err != nil {
				p.condemn(err)
			}
		case <-p.judged:
			return
		}
	}
}

func (l Limits) check(pid int) error {
	if pid == 0 {
		return nil
	}
	// Without an answer the process has ended, or the start has said that there is none.
	if used, err := resident(pid); err == nil && used > l.Memory {
		return fmt.Errorf("it uses %d MiB of memory, its limit is %d MiB", (used+1<<20-1)>>20, l.Memory>>20)
	}
	return nil
}
