package plugin

import (
	"fmt"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// ours is how the names of this package's functions begin.
const ours = "github.com/byova-host/byova-host/sdk/plugin."

// misuseError is an author's mistake, with the line that made it.
type misuseError struct {
	at  string
	err error
}

func (e *misuseError) Error() string { return e.at + ": " + e.err.Error() }
func (e *misuseError) Unwrap() error { return e.err }

// misuse adds to an error which line of the author's led to it.
func misuse(err error) error {
	if err == nil {
		return nil
	}
	var stack [64]uintptr
	return misuseAt(authorsLine(stack[:runtime.Callers(2, stack[:])]), err)
}

func misuseAt(at string, err error) error {
	if at == "" {
		return err
	}
	return &misuseError{at, err}
}

// origin is where a command came from. It is taken down for each that is not audio, which
// has that of its prompt, and made a line only when the host refuses the command.
type origin struct {
	ref   uint64
	stack [10]uintptr
	depth int
}

// origins are those of a call's last commands.
type origins [16]origin

// note takes down who called the caller of note.
func (o *origins) note(ref uint64) {
	at := &o[ref%uint64(len(o))]
	at.ref, at.depth = ref, runtime.Callers(3, at.stack[:])
}

// of is the line that a command came from; empty if that is not known any more.
func (o *origins) of(ref uint64) string {
	if at := &o[ref%uint64(len(o))]; ref != 0 && at.ref == ref {
		return authorsLine(at.stack[:at.depth])
	}
	return ""
}

// authorsLine is the line of the topmost frame that is neither ours nor of Go's own
// library; empty if there is none.
func authorsLine(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		switch pkg := packageOf(f.Function); {
		case f.Function == "", pkg == "runtime", strings.HasPrefix(f.Function, ours) && !strings.HasSuffix(f.File, "_test.go"):
		case !standard(pkg):
			return shortLine(pkg, f.File, f.Line)
		}
		if !more {
			return ""
		}
	}
}

// lineOf is where a function is written.
func lineOf(function any) string {
	f := runtime.FuncForPC(reflect.ValueOf(function).Pointer())
	if f == nil {
		return ""
	}
	file, line := f.FileLine(f.Entry())
	return shortLine(packageOf(f.Name()), file, line)
}

// shortLine is main.go:42, or menu/menu.go:42 outside of the package main.
func shortLine(pkg, file string, line int) string {
	name := path.Base(file)
	if pkg != "main" {
		name = path.Join(path.Base(path.Dir(file)), name)
	}
	return fmt.Sprintf("%s:%d", name, line)
}

// packageOf is the import path in a function's name.
func packageOf(function string) string {
	last := strings.LastIndexByte(function, '/') + 1
	if i := strings.IndexByte(function[last:], '.'); i >= 0 {
		return function[:last+i]
	}
	return function
}

// standard says that a package is of Go's own library.
func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	if pkg == "main" || strings.Contains(first, ".") {
		return false
	}
	for _, module := range modules() {
		if pkg == module || strings.HasPrefix(pkg, module+"/") {
			return false
		}
	}
	return true
}

// modules are those that the program is made of.
var modules = sync.OnceValue(func() (paths []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != "" {
			paths = append(paths, m.Path)
		}
	}
	return paths
})
