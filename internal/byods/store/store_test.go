package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/byova-host/byova-host/internal/byods/webex"
)

// The test binary is also the processes that share a store.
func TestMain(m *testing.M) {
	if act, ok := os.LookupEnv("STORE_TEST_ACT"); ok {
		os.Exit(actAsProcess(act))
	}
	goleak.VerifyTestMain(m)
}

const (
	orgA = webex.OrgID("7ecad38e-ba3f-4107-8de2-a7e6a73e6ea9")
	orgB = webex.OrgID("912b2c37-3a3d-4b0e-8a4a-1d7a0f6c2a55")
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, keySize) }

func openFile(t testing.TB, dir string, k ...[]byte) *File {
	t.Helper()
	c := FileConfig{Dir: dir}
	if len(k) > 0 {
		c.Key, c.OldKeys = k[0], k[1:]
	}
	f, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func cached(t testing.TB, s Store) *Cache {
	t.Helper()
	c, err := NewCache(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// each runs a test on every kind of store.
func each(t *testing.T, test func(t *testing.T, s Store)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) Store{
		"plain":            func(t *testing.T) Store { return openFile(t, t.TempDir()+"/s") },
		"encrypted":        func(t *testing.T) Store { return openFile(t, t.TempDir()+"/s", key(1)) },
		"memory":           func(*testing.T) Store { return NewMemory() },
		"cached file":      func(t *testing.T) Store { return cached(t, openFile(t, t.TempDir()+"/s", key(1))) },
		"cached in memory": func(t *testing.T) Store { return cached(t, NewMemory()) },
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// full is a record with everything in it.
func full(id webex.OrgID) Org {
	at := time.Date(2026, 11, 26, 12, 0, 0, 5000, time.UTC)
	return Org{
		ID: id, State: Authorized, Generation: 3, Target: id.Encoded(),
		Token:   &webex.Token{Access: "secret-access", Refresh: "secret-refresh", Scope: "a b", Obtained: at, Expires: at.Add(time.Hour)},
		Source:  &DataSource{ID: "d", URL: "https://h", Lifetime: time.Hour, Nonces: []Nonce{{Value: "secret-nonce"}, {Value: "secret-old", Until: at}}, Renewed: at},
		Events:  Events{Authorized: at, Seen: []string{"x"}, Pending: &Event{Event: "authorized", Generation: 3, Received: at}},
		Trouble: Trouble{What: "w", Since: at},
	}
}

func TestContract(t *testing.T) {
	each(t, func(t *testing.T, s Store) {
		ctx := t.Context()
		if _, err := s.Integration(ctx); !errors.Is(err, ErrNotFound) {
			t.Errorf("an integration that is not there: %v", err)
		}
		if _, err := s.Org(ctx, orgA); !errors.Is(err, ErrNotFound) {
			t.Errorf("an organisation that is not there: %v", err)
		}
		if all, err := s.Orgs(ctx); err != nil || len(all) != 0 {
			t.Errorf("organisations %v, %v", all, err)
		}
		stop := errors.New("stop")
		if err := s.UpdateOrg(ctx, orgA, func(*Org) error { return stop }); err != stop {
			t.Errorf("an update that is given up: %v", err)
		}
		if _, err := s.Org(ctx, orgA); !errors.Is(err, ErrNotFound) {
			t.Errorf("it was written all the same: %v", err)
		}
		want := full(orgA)
		for _, id := range []webex.OrgID{orgB, orgA} {
			if err := s.UpdateOrg(ctx, id, func(o *Org) error {
				if o.ID != id || o.Revision != 0 || o.State != Unknown {
					t.Errorf("a new record is %#v", o)
				}
				*o = full(id)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		want.Revision = 1
		got, err := s.Org(ctx, orgA)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v", got, err)
		}
		got.Token.Access, got.Source.Nonces[0].Value, got.Events.Seen[0] = "changed", "changed", "changed"
		if again, _ := s.Org(ctx, orgA); !reflect.DeepEqual(again, want) {
			t.Errorf("who changes what was read changes the record")
		}
		if err := s.UpdateOrg(ctx, orgA, func(o *Org) error { o.Forget(Deauthorized); return nil }); err != nil {
			t.Fatal(err)
		}
		got, err = s.Org(ctx, orgA)
		if err != nil || got.Token != nil || got.Source != nil || got.Events.Pending != nil || got.State != Deauthorized || got.Generation != 4 ||
			got.Revision != 2 || len(got.Events.Seen) != 1 || got.Trouble.What != "" {
			t.Errorf("forgotten, it is %+v, %v", got, err)
		}
		if all, err := s.Orgs(ctx); err != nil || !slices.Equal(all, []webex.OrgID{orgA, orgB}) {
			t.Errorf("organisations %v, %v", all, err)
		}
		if err := s.UpdateIntegration(ctx, func(i *Integration) error { i.Token = *want.Token; return nil }); err != nil {
			t.Fatal(err)
		}
		if i, err := s.Integration(ctx); err != nil || !reflect.DeepEqual(i.Token, *want.Token) {
			t.Errorf("integration %+v, %v", i, err)
		}
	})
}

// TestUpdatesAreAtomic: none is lost.
func TestUpdatesAreAtomic(t *testing.T) {
	each(t, func(t *testing.T, s Store) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 10 {
					if err := s.UpdateOrg(t.Context(), orgA, func(o *Org) error { o.Generation++; return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if o, err := s.Org(t.Context(), orgA); err != nil || o.Generation != 80 || o.Revision != 80 {
			t.Errorf("%+v, %v", o, err)
		}
	})
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, s Store) {
		unlock, err := s.Lock(t.Context(), "a/b")
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.Lock(t.Context(), "another")
		if err != nil {
			t.Fatal(err)
		}
		other()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Lock(ctx, "a/b"); !errors.Is(err, context.Canceled) {
			t.Errorf("a lock that is held: %v", err)
		}
		got := make(chan struct{})
		var waiting sync.WaitGroup
		waiting.Go(func() {
			again, err := s.Lock(t.Context(), "a/b")
			if err != nil {
				t.Error(err)
				return
			}
			close(got)
			again()
		})
		if err := s.UpdateOrg(t.Context(), orgA, func(*Org) error { return nil }); err != nil {
			t.Errorf("an update beside a lock: %v", err)
		}
		select {
		case <-got:
			t.Error("two have the lock")
		default:
		}
		unlock()
		unlock() // once more does nothing
		waiting.Wait()
	})
}

// TestTurnsAreForgotten: locks that nobody has cost nothing.
func TestTurnsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l turns
		unlock, err := l.take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.take(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		unlock()
		if len(l.held) != 0 {
			t.Errorf("%d are kept", len(l.held))
		}
	})
}

func TestSecretsAreNotShown(t *testing.T) {
	o := full(orgA)
	c := FileConfig{Dir: "d", Key: []byte("secret-key-secret-key-secret-key")}
	for _, value := range []any{o, &o, o.Source, o.Source.Nonces, Integration{Token: *o.Token}, *o.Token, c} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "secret") {
				t.Errorf("%s of %T shows %s", verb, value, text)
			}
		}
	}
}

// TestOnDisk: who can read it, and what it shows.
func TestOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	f := openFile(t, dir, key(1))
	if err := f.UpdateOrg(t.Context(), orgA, func(o *Org) error { *o = full(orgA); return nil }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.path(orgPrefix + string(orgA)))
	if err != nil || bytes.Contains(text, []byte("secret")) || bytes.Count(text, []byte(".")) != 4 {
		t.Errorf("on disk it is %s, %v", text, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, f.path(orgPrefix + string(orgA)): 0o600, filepath.Join(dir, lockDir): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestBadStores: each says what is wrong and what to do, and nothing is overwritten.
func TestBadStores(t *testing.T) {
	name := orgPrefix + string(orgA)
	tests := []struct {
		name  string
		spoil func(t *testing.T, f *File) // after a record was written with key 1
		keys  [][]byte
		want  string // of Open or of reading
	}{
		{"another key", nil, [][]byte{key(2)}, "byods.store.old_key"},
		{"no key", nil, nil, "byods.store.key"},
		{"the right key as an old one", nil, [][]byte{key(2), key(1)}, ""},
		{"cut off", func(t *testing.T, f *File) { spoil(t, f.path(name), func(b []byte) []byte { return b[:len(b)/2] }) }, [][]byte{key(1)}, "damaged or cut off: put a backup in its place"},
		{"empty", func(t *testing.T, f *File) { spoil(t, f.path(name), func([]byte) []byte { return nil }) }, [][]byte{key(1)}, "damaged or cut off"},
		{"one byte another", func(t *testing.T, f *File) {
			spoil(t, f.path(name), func(b []byte) []byte { b[len(b)-30] ^= 1; return b })
		}, [][]byte{key(1)}, "damaged"},
		{"another organisation's file", func(t *testing.T, f *File) {
			if err := os.Rename(f.path(name), f.path(orgPrefix+string(orgB))); err != nil {
				t.Fatal(err)
			}
		}, [][]byte{key(1)}, "it is the record of"},
		{"a newer version's", func(t *testing.T, f *File) {
			spoil(t, f.path(name), func([]byte) []byte { return []byte(`{"format":2,"name":"` + name + `","record":{}}`) })
		}, [][]byte{key(1)}, "newer version"},
		{"no record", func(t *testing.T, f *File) { spoil(t, f.path(name), func([]byte) []byte { return []byte(`{}`) }) }, [][]byte{key(1)}, "no record"},
		{"others can read it", func(t *testing.T, f *File) {
			if err := os.Chmod(f.path(name), 0o644); err != nil {
				t.Fatal(err)
			}
		}, [][]byte{key(1)}, "chmod 600"},
		{"others can enter", func(t *testing.T, f *File) {
			if err := os.Chmod(f.dir, 0o750); err != nil {
				t.Fatal(err)
			}
		}, [][]byte{key(1)}, "chmod 700"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "s")
			f := openFile(t, dir, key(1))
			if err := f.UpdateOrg(t.Context(), orgA, func(o *Org) error { *o = full(orgA); return nil }); err != nil {
				t.Fatal(err)
			}
			if test.spoil != nil {
				test.spoil(t, f)
			}
			before := contents(t, dir)
			c := FileConfig{Dir: dir}
			if len(test.keys) > 0 {
				c.Key, c.OldKeys = test.keys[0], test.keys[1:]
			}
			opened, err := Open(c)
			if err == nil {
				for _, id := range []webex.OrgID{orgA, orgB} {
					if _, read := opened.Org(t.Context(), id); read != nil && !errors.Is(read, ErrNotFound) {
						err = read
						if update := opened.UpdateOrg(t.Context(), id, func(*Org) error { return nil }); update == nil {
							t.Error("a record that cannot be read was written")
						}
					}
				}
			}
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a secret is shown: %v", err)
			}
			if after := contents(t, dir); !reflect.DeepEqual(before, after) {
				t.Error("something was written")
			}
		})
	}
	for _, bad := range []webex.OrgID{"", "../x", "x", orgA + "/y", webex.OrgID(strings.ToUpper(string(orgA)))} {
		if err := openFile(t, t.TempDir()+"/s").UpdateOrg(t.Context(), bad, func(*Org) error { return nil }); err == nil {
			t.Errorf("%q is taken for an organisation", bad)
		}
	}
	if _, err := Open(FileConfig{Dir: t.TempDir() + "/s", Key: []byte("short")}); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short key: %v", err)
	}
	if _, err := Open(FileConfig{Dir: t.TempDir() + "/none/s"}); err == nil {
		t.Error("a directory in none")
	}
}

func spoil(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// contents are all records of a store.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

// TestReadOnly: a store that cannot be written keeps what it has.
func TestReadOnly(t *testing.T) {
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("this user may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "s")
	f := openFile(t, dir)
	if err := f.UpdateOrg(t.Context(), orgA, func(*Org) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if err := f.UpdateOrg(t.Context(), orgA, func(o *Org) error { o.Generation++; return nil }); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
	if o, err := f.Org(t.Context(), orgA); err != nil || o.Generation != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestRotate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	for _, step := range []struct {
		keys [][]byte
		want int
	}{
		{nil, 0}, {[][]byte{key(1)}, 3}, {[][]byte{key(1)}, 0}, {[][]byte{key(2), key(1)}, 3}, {[][]byte{key(2)}, 0},
	} {
		f := openFile(t, dir, step.keys...)
		for _, id := range []webex.OrgID{orgA, orgB} {
			if _, err := f.Org(t.Context(), id); errors.Is(err, ErrNotFound) {
				if err := f.UpdateOrg(t.Context(), id, func(o *Org) error { *o = full(id); return nil }); err != nil {
					t.Fatal(err)
				}
				if err := f.UpdateIntegration(t.Context(), func(i *Integration) error { i.Token.Access = "a"; return nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := f.Rotate(t.Context()); err != nil || n != step.want {
			t.Errorf("with %d keys %d were rotated, %v, want %d", len(step.keys), n, err, step.want)
		}
		o, err := f.Org(t.Context(), orgA)
		want := full(orgA)
		want.Revision = 1
		if err != nil || !reflect.DeepEqual(o, want) {
			t.Errorf("%+v, %v", o, err)
		}
	}
	if _, err := Open(FileConfig{Dir: dir, Key: key(1)}); err == nil {
		t.Error("the old key still opens it")
	}
}

func TestParseKey(t *testing.T) {
	k := bytes.Repeat([]byte{0xfb}, 32)
	for _, text := range []string{
		strings.Repeat("fb", 32), strings.Repeat("FB", 32) + "\n", "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=", "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
	} {
		if got, err := ParseKey(text); err != nil || !bytes.Equal(got, k) {
			t.Errorf("%s is %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "hunter2", strings.Repeat("fb", 31), strings.Repeat("fb", 33), strings.Repeat("x", 32)} {
		if _, err := ParseKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCacheFollows what another store of the same directory writes.
func TestCacheFollows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	own, other := openFile(t, dir, key(1)), openFile(t, dir, key(1))
	c := cached(t, own)
	ctx, cancel := context.WithCancel(t.Context())
	changed, err := own.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-changed // the first, for what was before
	for i := range int64(20) {
		if err := other.UpdateOrg(t.Context(), orgA, func(o *Org) error { o.Generation = i; return nil }); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if o, ok := c.Peek(orgA); ok && o.Generation == i {
				break
			}
			<-changed
		}
	}
	if ids, err := c.Reload(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("nothing has changed, and %v is said to, %v", ids, err)
	}
	cancel()
	for range changed { // until it is closed
	}
}

// TestCacheKeepsTheNewest: a slow reader does not bring an old record back.
func TestCacheKeepsTheNewest(t *testing.T) {
	c := cached(t, NewMemory())
	if err := c.UpdateOrg(t.Context(), orgA, func(o *Org) error { o.Generation = 7; return nil }); err != nil {
		t.Fatal(err)
	}
	if c.take(Org{ID: orgA, Revision: 1}) || c.take(Org{ID: orgA}) {
		t.Error("an older record was taken")
	}
	if !c.take(Org{ID: orgA, Revision: 2, Generation: 8}) {
		t.Error("a newer record was not taken")
	}
	n := 0
	for o := range c.All() {
		n++
		if o.Generation != 8 {
			t.Errorf("%+v", o)
		}
	}
	if n != 1 {
		t.Errorf("%d records", n)
	}
}

// TestDamagedRecordsLeaveTheOthers: one customer's file does not keep all from calling.
func TestDamagedRecordsLeaveTheOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	f := openFile(t, dir, key(1))
	for _, id := range []webex.OrgID{orgA, orgB} {
		if err := f.UpdateOrg(t.Context(), id, func(*Org) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	spoil(t, f.path(orgPrefix+string(orgA)), func(b []byte) []byte { return b[:9] })
	c, err := NewCache(t.Context(), openFile(t, dir, key(1)))
	if err == nil || !strings.Contains(err.Error(), string(orgA)) {
		t.Error(err)
	}
	if _, ok := c.Peek(orgB); !ok {
		t.Error("the other record is not there")
	}
}

func FuzzRecord(f *testing.F) {
	plain, encrypted := keys(nil), keys{key(1)}
	for _, k := range []keys{plain, encrypted} {
		text, err := k.seal("org-x", full(orgA))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"format":1,"name":"org-x","record":{"state":7}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, k := range []keys{plain, encrypted} {
			var o Org
			if _, err := k.open("org-x", text, &o); err != nil {
				continue
			}
			again, err := k.seal("org-x", o)
			if err != nil {
				t.Fatal(err)
			}
			var same Org
			current, err := k.open("org-x", again, &same)
			if err != nil || !current || written(t, o) != written(t, same) {
				t.Errorf("%s is read again as %s, %v", written(t, o), written(t, same), err)
			}
		}
	})
}

// written is a record as it stands in a file: times that are equal look equal there, and
// a list with nothing in it is none.
func written(t *testing.T, o Org) string {
	t.Helper()
	text, err := json.Marshal(o)
	var fields map[string]any
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err == nil {
		text, err = json.Marshal(pruned(fields))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pruned leaves out what is empty.
func pruned(fields map[string]any) map[string]any {
	for name, value := range fields {
		if inner, ok := value.(map[string]any); ok {
			value = pruned(inner)
		}
		switch v := value.(type) {
		case nil:
			delete(fields, name)
		case map[string]any:
			if len(v) == 0 {
				delete(fields, name)
			}
		case []any:
			if len(v) == 0 {
				delete(fields, name)
			}
		}
	}
	return fields
}

func BenchmarkStore(b *testing.B) {
	f := openFile(b, b.TempDir()+"/s", key(1))
	c := cached(b, f)
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.UpdateOrg(b.Context(), orgA, func(o *Org) error { *o = full(orgA); return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("peek", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := c.Peek(orgA); !ok {
				b.Fatal("not there")
			}
		}
	})
}
