package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/byova-host/byova-host/internal/atomicfile"
)

// lockFile keeps the sum of each plugin's program from one run of the host to the
// next. The empty path is no file: everything is let pass. It is JSON, which is
// YAML as well, and is read each time, since people may edit it.
type lockFile struct {
	path string
	mu   sync.Mutex
}

type locked struct {
	Plugins map[string]lockedPlugin `json:"plugins"`
}

type lockedPlugin struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// check refuses a program that is not the one that the file has under this name.
func (l *lockFile) check(name string, p lockedPlugin) error {
	if l.path == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil {
		return err
	}
	if known, ok := all.Plugins[name]; ok && known.SHA256 != p.SHA256 {
		return fmt.Errorf("%s has the sha256 %s, but the lock file %s knows this plugin as %s with %s: "+
			"put that program back, or take %q out of the lock file if you trust the new one",
			p.Path, p.SHA256, l.path, known.Path, known.SHA256, name)
	}
	return nil
}

// write notes what runs from now on.
func (l *lockFile) write(plugins map[string]lockedPlugin) error {
	if l.path == "" || len(plugins) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil {
		return err
	}
	same := true
	for name, p := range plugins {
		if p.SHA256 == "" { // attached: whatever answers there
			continue
		}
		same = same && all.Plugins[name] == p
		all.Plugins[name] = p
	}
	if same {
		return nil
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = atomicfile.Replace(l.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the lock file %s: %w", l.path, err)
	}
	return nil
}

func (l *lockFile) read() (locked, error) {
	var all locked
	text, err := os.ReadFile(l.path)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return all, fmt.Errorf("read the lock file %s: %w: repair it, or remove it if you trust the programs that are there", l.path, err)
	}
	if all.Plugins == nil {
		all.Plugins = map[string]lockedPlugin{}
	}
	return all, nil
}
