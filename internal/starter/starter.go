package starter

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// SDK is the module that plugins are written against.
const SDK = "github.com/byova-host/byova-host"

//go:embed all:templates
var templates embed.FS

// Templates are the shapes of a bot, the simplest first.
func Templates() []string { return []string{"turn", "event", "streaming"} }

// Plugin says what to write.
type Plugin struct {
	Dir      string // does not exist yet, or is empty; its base name is the plugin's
	Template string // one of Templates
	Version  string // of the SDK, for example v0.3.0; unless Checkout is set
	Checkout string // a directory with the SDK's source; it is used instead of a version
}

// name is what a plugin may be called.
var name = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

// Write writes the plugin and returns its files. On an error nothing is left of it.
func (p Plugin) Write() (files []string, err error) {
	v, err := p.values()
	if err != nil {
		return nil, err
	}
	made, err := p.claim()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, file := range files {
				if bad := os.Remove(filepath.Join(p.Dir, file)); !errors.Is(bad, fs.ErrNotExist) {
					err = errors.Join(err, bad)
				}
			}
			if made {
				err = errors.Join(err, os.Remove(p.Dir))
			}
		}
	}()
	for _, from := range []string{"all", p.Template} {
		written, err := v.writeAll(path.Join("templates", from), p.Dir)
		files = append(files, written...)
		if err != nil {
			return files, err
		}
	}
	slices.Sort(files)
	return files, nil
}

// claim makes the directory, or sees that it is empty.
func (p Plugin) claim() (made bool, err error) {
	there, err := os.ReadDir(p.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(p.Dir, 0o755); err != nil { //nolint:gosec // source code is for all to read
			return false, fmt.Errorf("make the plugin's directory: %w", err)
		}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look into the plugin's directory: %w", err)
	case len(there) > 0:
		return false, fmt.Errorf("%s is not empty (it has %s): name a directory that is new", p.Dir, there[0].Name())
	}
	return false, nil
}

// values are what the templates are filled with.
type values struct {
	Name, SDK, Version string
	Replace            string // a path to the SDK's source, as go.mod has it; empty: none
	Sums               []byte // of what the SDK itself needs; nil: not known
}

func (p Plugin) values() (v values, err error) {
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return v, fmt.Errorf("find %s: %w", p.Dir, err)
	}
	v = values{Name: filepath.Base(dir), SDK: SDK, Version: p.Version}
	if !name.MatchString(v.Name) {
		return v, fmt.Errorf("%q cannot be a plugin's name: want a letter, then letters, digits, - and _, at most 40", v.Name)
	}
	if v.Name == path.Base(SDK) {
		return v, fmt.Errorf("%q cannot be a plugin's name: that is the host's own name, and both programs stand in bin", v.Name)
	}
	if !slices.Contains(Templates(), p.Template) {
		return v, fmt.Errorf("there is no template %q: want one of %s", p.Template, strings.Join(Templates(), ", "))
	}
	if p.Checkout == "" {
		return v, nil
	}
	v.Version = "v0.0.0"
	if v.Replace, err = replacement(dir, p.Checkout); err != nil {
		return v, err
	}
	// What the source needs was checked there; without a network it could not be here.
	if v.Sums, err = os.ReadFile(filepath.Join(p.Checkout, "go.sum")); err != nil {
		return v, fmt.Errorf("use the source of the SDK: %w", err)
	}
	return v, nil
}

// replacement is the path of the SDK's source in go.mod: relative where the plugin is
// within it, so that both can be moved.
func replacement(dir, checkout string) (string, error) {
	checkout, err := filepath.Abs(checkout)
	if err != nil {
		return "", fmt.Errorf("find the source of the SDK: %w", err)
	}
	if up, err := filepath.Rel(checkout, dir); err == nil && filepath.IsLocal(up) {
		back, err := filepath.Rel(dir, checkout)
		return quoted(filepath.ToSlash(back)), err
	}
	return quoted(filepath.ToSlash(checkout)), nil
}

// plain is a path that go.mod takes as it is.
var plain = regexp.MustCompile(`^[\pL\pN._/:~+@-]+$`)

// quoted is a path as go.mod takes it.
func quoted(path string) string {
	if plain.MatchString(path) && !strings.Contains(path, "//") {
		return path
	}
	return strconv.Quote(path)
}

// writeAll writes the templates of a directory. The last of the files may be there in part
// when there is an error.
func (v values) writeAll(from, to string) (files []string, err error) {
	entries, err := templates.ReadDir(from)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := v.fill(path.Join(from, e.Name()))
		if err != nil {
			return files, fmt.Errorf("fill %s: %w", e.Name(), err)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		file := strings.TrimSuffix(e.Name(), ".tmpl")
		if file == "gitignore" { // which must not count here
			file = ".gitignore"
		}
		files = append(files, file)
		if err := os.WriteFile(filepath.Join(to, file), text, 0o644); err != nil { //nolint:gosec // source code is for all to read
			return files, err
		}
	}
	return files, nil
}

func (v values) fill(name string) ([]byte, error) {
	t, err := template.ParseFS(templates, name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, v); err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".go.tmpl") {
		return format.Source(text.Bytes())
	}
	return text.Bytes(), nil
}

// FindCheckout is the directory above dir that has the SDK's source, and whether there
// is one.
func FindCheckout(dir string) (checkout string, found bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for {
		if IsCheckout(dir) {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}

var moduleLine = regexp.MustCompile(`(?m)^module ` + regexp.QuoteMeta(SDK) + `\s*$`)

// IsCheckout tells whether a directory has the SDK's source.
func IsCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // of the user's choice
	return err == nil && moduleLine.Match(text)
}
