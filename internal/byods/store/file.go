package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/gofrs/flock"

	"github.com/byova-host/byova-host/internal/atomicfile"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	suffix      = ".record"
	integration = "integration" // the name of its record
	orgPrefix   = "org-"
	lockDir     = "locks"
	maxRecord   = 4 << 20               // bytes of a file
	lockRetry   = 20 * time.Millisecond // how often a lock of another process is tried
)

// FileConfig says where and how records are kept.
type FileConfig struct {
	Dir string // made with mode 0700 if it is not there
	// Key encrypts the records: 32 bytes. None: they are plain, for their owner alone.
	Key []byte
	// OldKeys are keys that records may still be encrypted with. Updates use Key.
	OldKeys [][]byte
}

// String hides the keys.
func (c FileConfig) String() string { return "records in " + c.Dir }

// GoString hides the keys from %#v.
func (c FileConfig) GoString() string { return c.String() }

// File is a Store of files.
type File struct {
	dir   string
	keys  keys
	locks turns
}

// Open opens the directory. The error says if a record in it cannot be opened with
// the keys that are given; nothing is written then. Damaged records are no error here:
// each is one where it is read.
func Open(c FileConfig) (*File, error) {
	f := &File{dir: c.Dir}
	if len(c.Key) > 0 {
		f.keys = append(keys{c.Key}, c.OldKeys...)
	}
	for _, key := range f.keys {
		if len(key) != keySize {
			return nil, fmt.Errorf("store %s: a key of %d bytes: %d are needed", c.Dir, len(key), keySize)
		}
	}
	for _, dir := range []string{c.Dir, filepath.Join(c.Dir, lockDir)} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make the store: %w", err)
		}
		if err := private(dir, "700"); err != nil {
			return nil, err
		}
	}
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var any struct{}
		if _, err := f.read(name, &any); errors.Is(err, errKey) {
			return nil, err
		}
	}
	return f, f.sweep()
}

// private holds that nobody else can read a file or directory.
func private(path, mode string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("other users of this machine can get at %s: chmod %s it", path, mode)
	}
	return nil
}

// names are those of all records.
func (f *File) names() (all []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			all = append(all, name)
		}
	}
	return all, nil
}

// sweep removes what killed writers have left. Whoever writes has the record's lock.
func (f *File) sweep() error {
	left, err := filepath.Glob(filepath.Join(f.dir, ".*"+suffix+"-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), "."), suffix)
		lock := flock.New(f.lockPath("record", name))
		if ok, err := lock.TryLock(); !ok || err != nil {
			continue // somebody writes: it may be theirs
		}
		_ = os.Remove(path) // the next one to open tries again
		if err := lock.Unlock(); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) path(name string) string { return filepath.Join(f.dir, name+suffix) }

// read reads a record, and tells whether it was written as it would be now.
func (f *File) read(name string, record any) (current bool, err error) {
	path := f.path(name)
	file, err := os.Open(path) //nolint:gosec // a path of our own making
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return false, fmt.Errorf("read record: %w", err)
	}
	defer file.Close()
	if err := private(path, "600"); err != nil {
		return false, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err == nil && len(content) > maxRecord {
		err = fmt.Errorf("it has more than %d bytes", maxRecord)
	}
	if err == nil {
		current, err = f.keys.open(name, content, record)
	}
	if err != nil {
		return false, fmt.Errorf("record %s: %w", path, err)
	}
	return current, nil
}

func (f *File) write(name string, record any) error {
	content, err := f.keys.seal(name, record)
	if err == nil {
		err = atomicfile.Replace(f.path(name), content)
	}
	if err != nil {
		return fmt.Errorf("write record %s: %w", f.path(name), err)
	}
	return nil
}

// Integration implements Store, as do the methods below.
func (f *File) Integration(context.Context) (i Integration, err error) {
	_, err = f.read(integration, &i)
	return i, err
}

// UpdateIntegration changes the integration's record.
func (f *File) UpdateIntegration(ctx context.Context, change func(*Integration) error) error {
	unlock, err := f.lock(ctx, "record", integration)
	if err != nil {
		return err
	}
	defer unlock()
	i, err := f.Integration(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := change(&i); err != nil {
		return err
	}
	return f.write(integration, i)
}

// Orgs gives all organisations.
func (f *File) Orgs(context.Context) (all []webex.OrgID, err error) {
	names, err := f.names()
	for _, name := range names {
		if id, ok := strings.CutPrefix(name, orgPrefix); ok {
			all = append(all, webex.OrgID(id))
		}
	}
	return all, err
}

// Org gives an organisation's record.
func (f *File) Org(_ context.Context, id webex.OrgID) (o Org, err error) {
	if _, err := f.read(orgPrefix+string(id), &o); err != nil {
		return Org{}, err
	}
	return o, nil
}

// stamp is another one when the file was replaced. A file that was written just now
// has none: one written in the next moment could look the same.
func (f *File) stamp(id webex.OrgID) string {
	info, err := os.Stat(f.path(orgPrefix + string(id)))
	if err != nil || time.Since(info.ModTime()) < time.Second {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// UpdateOrg changes it.
func (f *File) UpdateOrg(ctx context.Context, id webex.OrgID, change func(*Org) error) error {
	if known, err := webex.ParseOrgID(string(id)); err != nil || known != id {
		return fmt.Errorf("%q is no organisation's id", id) // it becomes the name of a file
	}
	unlock, err := f.lock(ctx, "record", orgPrefix+string(id))
	if err != nil {
		return err
	}
	defer unlock()
	o, err := f.Org(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	o.ID = id
	if err := change(&o); err != nil {
		return err
	}
	o.ID, o.Revision = id, o.Revision+1
	return f.write(orgPrefix+string(id), o)
}

// Lock waits for a lock of all processes.
func (f *File) Lock(ctx context.Context, name string) (unlock func(), err error) {
	return f.lock(ctx, "work", name)
}

func (f *File) lockPath(kind, name string) string {
	return filepath.Join(f.dir, lockDir, kind+"-"+strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, name))
}

// lock takes one first in this process, so that only other processes are asked again
// and again.
func (f *File) lock(ctx context.Context, kind, name string) (unlock func(), err error) {
	leave, err := f.locks.take(ctx, kind+" "+name)
	if err != nil {
		return nil, err
	}
	lock := flock.New(f.lockPath(kind, name), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		leave()
		return nil, fmt.Errorf("lock %s of the store %s: %w", name, f.dir, err)
	}
	return func() {
		_ = lock.Unlock() // the end of the process does it otherwise
		leave()
	}, nil
}

// Rotate encrypts all records anew, with Key, and tells how many that were not yet.
func (f *File) Rotate(ctx context.Context) (rotated int, err error) {
	names, err := f.names()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		done, err := f.rotate(ctx, name)
		if err != nil {
			return rotated, err
		}
		if done {
			rotated++
		}
	}
	return rotated, nil
}

func (f *File) rotate(ctx context.Context, name string) (done bool, err error) {
	unlock, err := f.lock(ctx, "record", name)
	if err != nil {
		return false, err
	}
	defer unlock()
	var i Integration
	var o Org
	record := any(&i)
	if name != integration {
		record = &o
	}
	current, err := f.read(name, record)
	if err != nil || current {
		return false, err
	}
	return true, f.write(name, record)
}

// Watch sends after other processes may have changed records, until ctx ends; then
// it closes the channel. Changes that come fast are one.
func (f *File) Watch(ctx context.Context) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := watcher.Add(f.dir); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	changed := make(chan struct{}, 1)
	changed <- struct{}{} // what changed before
	go f.watch(ctx, watcher, changed)
	return changed, nil
}

// watch ends with ctx. Who reads the channel to its end has waited for it.
func (f *File) watch(ctx context.Context, watcher *fsnotify.Watcher, changed chan<- struct{}) {
	defer close(changed)
	defer watcher.Close()
	for {
		select {
		case e := <-watcher.Events:
			if name := filepath.Base(e.Name); strings.HasPrefix(name, ".") || !strings.HasSuffix(name, suffix) {
				continue
			}
		case _, ok := <-watcher.Errors: // events were lost
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		select {
		case changed <- struct{}{}:
		default: // one waits already
		}
	}
}
