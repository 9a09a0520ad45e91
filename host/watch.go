package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/supervisor"
)

const (
	// quiet is how long a program must not have changed to count as written.
	quiet = 300 * time.Millisecond
	// retry is how often a directory is looked for that is not there.
	retry = time.Second
)

// swapper is what a watcher needs of the supervisor.
type swapper interface {
	Swap(ctx context.Context, name string, o supervisor.SwapOptions) (supervisor.Swapped, error)
	Status() []supervisor.Status
}

// watcher swaps plugins whose programs change on disk.
type watcher struct {
	log     hclog.Logger
	plugins swapper
	files   *fsnotify.Watcher
	follows chan []config.Plugin
	looked  chan *program
	looking sync.WaitGroup

	// The rest belongs to run.
	programs map[string]*program // by the plugin's name
	dirs     map[string]bool     // that are watched
}

// program is the file of a plugin.
type program struct {
	name, path string
	files      [2]string // as it is named, and what that leads to
	due        time.Time // when it has been quiet for long enough; zero: it is not different
	looking    bool
}

func newWatcher(plugins swapper, log hclog.Logger) (*watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch programs: %w: start without --watch", err)
	}
	return &watcher{
		log: log, plugins: plugins, files: files,
		follows: make(chan []config.Plugin), looked: make(chan *program),
		programs: map[string]*program{}, dirs: map[string]bool{},
	}, nil
}

// follow says which plugins there are now.
func (w *watcher) follow(ctx context.Context, plugins []config.Plugin) {
	select {
	case w.follows <- plugins:
	case <-ctx.Done():
	}
}

// run watches until ctx ends and nothing of it is left.
func (w *watcher) run(ctx context.Context, plugins []config.Plugin) {
	defer w.close()
	w.replace(plugins)
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		select {
		case plugins := <-w.follows:
			w.replace(plugins)
		case e := <-w.files.Events:
			w.changed(e)
		case err := <-w.files.Errors:
			w.log.Warn("watch programs", "error", err)
			w.dirs = map[string]bool{} // what was missed is not known
			for _, p := range w.programs {
				w.arm(p)
			}
		case p := <-w.looked:
			p.looking = false
			w.arm(p)
		case <-wake.C:
			w.lookAtDue(ctx)
		case <-ctx.Done():
			return
		}
		wake.Reset(w.next())
	}
}

func (w *watcher) close() {
	w.looking.Wait()
	_ = w.files.Close() // ends its goroutine; there is nothing to lose
}

// replace takes the plugins of another configuration.
func (w *watcher) replace(plugins []config.Plugin) {
	before := w.programs
	w.programs = map[string]*program{}
	for _, c := range plugins {
		if _, attached := socketOf(c); attached {
			continue
		}
		p := before[c.Name]
		if p == nil || p.path != c.Path {
			p = &program{name: c.Name, path: c.Path, due: time.Now()}
		}
		w.programs[c.Name] = p
		w.arm(p)
	}
}

// arm watches the directories of a program; in one that is new something may have
// changed before.
func (w *watcher) arm(p *program) {
	p.files[0] = absolute(p.path)
	p.files[1] = p.files[0]
	if target, err := filepath.EvalSymlinks(p.files[0]); err == nil {
		p.files[1] = target
	}
	for _, file := range p.files {
		dir := filepath.Dir(file)
		if w.dirs[dir] {
			continue
		}
		if err := w.files.Add(dir); err != nil {
			p.due = time.Now().Add(retry)
			return
		}
		w.dirs[dir], p.due = true, time.Now().Add(quiet)
	}
}

// absolute is the path that stands in events.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return filepath.Clean(path)
}

func (w *watcher) changed(e fsnotify.Event) {
	gone := w.dirs[e.Name] && e.Op&(fsnotify.Remove|fsnotify.Rename) != 0
	if gone {
		delete(w.dirs, e.Name)
	}
	for _, p := range w.programs {
		switch {
		case e.Name == p.files[0] || e.Name == p.files[1]:
			p.due = time.Now().Add(quiet)
		case gone:
			w.arm(p)
		}
	}
}

// next is how long there is nothing to do.
func (w *watcher) next() time.Duration {
	soon := time.Hour
	for _, p := range w.programs {
		if !p.looking && !p.due.IsZero() {
			soon = min(soon, time.Until(p.due))
		}
	}
	return soon
}

// lookAtDue looks at the programs that have been quiet for long enough. Of one that
// is being looked at, what changes meanwhile waits.
func (w *watcher) lookAtDue(ctx context.Context) {
	now := time.Now()
	for _, p := range w.programs {
		if p.looking || p.due.IsZero() || p.due.After(now) {
			continue
		}
		p.due, p.looking = time.Time{}, true
		name, path := p.name, p.path
		w.looking.Go(func() {
			w.look(ctx, name, path)
			select {
			case w.looked <- p:
			case <-ctx.Done():
			}
		})
	}
}

// look swaps a plugin if its program is another one than what runs.
func (w *watcher) look(ctx context.Context, name, path string) {
	sum, err := config.Sum(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // it is about to be written
	}
	if err == nil && sum == w.running(name) {
		return
	}
	log := w.log.With("plugin", name)
	swapped, err := w.plugins.Swap(ctx, name, supervisor.SwapOptions{
		Path: path, Policy: new(supervisor.Move),
		Progress: func(what string) { log.Info("swap", "progress", what) },
	})
	switch {
	case err == nil:
		log.Info("swapped, the program has changed", "generation", swapped.Generation, "version", swapped.Version, "sha256", swapped.SHA256)
	case ctx.Err() == nil:
		log.Error("not swapped, the old one stays", "error", err)
	}
}

// running is the sum of a plugin's newest generation.
func (w *watcher) running(name string) (sum string) {
	newest := -1
	for _, s := range w.plugins.Status() {
		if s.Name == name && s.State != "draining" && s.Generation > newest {
			newest, sum = s.Generation, s.SHA256
		}
	}
	return sum
}
