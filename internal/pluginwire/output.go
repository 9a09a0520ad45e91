package pluginwire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"
)

const (
	// longestLine is where a line of a plugin's output is cut in two. The
	// handshake with its certificate is the longest that matters.
	longestLine = 16 << 10
	// A plugin may write this much a second, after a burst. The rest is
	// dropped and counted: the log must not become the host's main work.
	outputRate  = 64 << 10
	outputBurst = 256 << 10
	// A plugin of whose output so much had to be dropped within so long is lost:
	// reading it is not the host's work either.
	floodBytes = 64 << 20
	floodTime  = 10 * time.Second
	// shownLine is how much of a line goes into the log or an error.
	shownLine  = 4 << 10
	shownQuote = 160
	// tailLines is how many lines are kept to explain an exit.
	tailLines = 3
	// longestPanic is how much of a panic's report is logged.
	longestPanic = 64 << 10
	// panicTime is how long the report of a panic is waited for. A process that
	// lives on after that did not panic, it only printed the word.
	panicTime = time.Second
)

// errFlood is what a plugin is lost of that writes and writes.
var errFlood = fmt.Errorf("it writes too much: %d MiB of its output were dropped within %v", floodBytes>>20, floodTime)

// output logs what a plugin writes, and remembers enough of it to say why the
// plugin ended. Its methods may be called concurrently.
type output struct {
	log     hclog.Logger
	level   hclog.Level // of the plugin's lines; quieter ones are not logged
	flooded func(error) // called once when there is no end to it

	mu      sync.Mutex
	tokens  int // bytes that may still be written
	filled  time.Time
	dropped int64
	said    time.Time // when the log last told of drops,
	told    int64     // and how much it has told by now
	counted time.Time // when the measure of a flood began,
	before  int64     // and how much was dropped until then
	ending  bool      // flooded was called
	tail    []string
	died    string  // the line that says why a Go program died
	report  *report // of a panic, while it is being written
}

// report is what a Go program writes when it dies.
type report struct {
	panic string // its first line
	stack []byte
	late  *time.Timer
}

func newOutput(log hclog.Logger, level hclog.Level) *output {
	now := time.Now()
	return &output{log: log, level: level, flooded: func(error) {}, tokens: outputBurst, filled: now, counted: now}
}

// copyLines calls line for every line of r until r ends, which it does at the
// latest when the runner closes it.
func copyLines(r io.Reader, line func([]byte)) {
	lines := bufio.NewReaderSize(r, longestLine)
	for {
		b, err := lines.ReadSlice('\n')
		if len(b) > 0 {
			line(bytes.TrimRight(b, "\r\n"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// stderr takes a line as our SDK writes it, JSON of hclog, or any other text.
func (o *output) stderr(line []byte) { o.write("stderr", line, true) }

// stdout takes a line of text.
func (o *output) stdout(line []byte) { o.write("stdout", line, false) }

func (o *output) write(source string, line []byte, structured bool) {
	if len(bytes.TrimSpace(line)) == 0 || !o.take(line, structured) {
		return
	}
	if structured && line[0] == '{' {
		if level, message, pairs, ok := parseEntry(line); ok {
			o.remember(message)
			if level >= o.level {
				o.log.Log(level, message, pairs...)
			}
			return
		}
	}
	text := shorten(string(line), shownLine)
	o.remember(text)
	if o.level <= hclog.Info {
		o.log.Info(text, "source", source)
	}
}

// take counts a line and reports whether it is to be logged by itself: it may
// belong to a panic's report, or come too fast.
func (o *output) take(line []byte, mayPanic bool) bool {
	o.mu.Lock()
	now := time.Now()
	alone := !mayPanic || line[0] == '{' || !o.reports(line)
	if alone {
		alone = o.allow(now, len(line)+1)
	}
	unsaid := o.unsaid(now)
	flood := o.floods(now)
	o.mu.Unlock()
	o.sayDropped(unsaid)
	if flood {
		o.flooded(errFlood)
	}
	return alone
}

// allow reports whether the byte rate has room for a line. o.mu is held.
func (o *output) allow(now time.Time, n int) bool {
	if added := int(now.Sub(o.filled).Seconds() * outputRate); added > 0 {
		o.tokens, o.filled = min(outputBurst, o.tokens+added), now
	}
	if n > o.tokens {
		o.dropped += int64(n)
		return false
	}
	o.tokens -= n
	return true
}

// unsaid is how much was dropped that the log is to tell now: it tells once a
// second at most. o.mu is held.
func (o *output) unsaid(now time.Time) int64 {
	n := o.dropped - o.told
	if n == 0 || now.Sub(o.said) < time.Second {
		return 0
	}
	o.said, o.told = now, o.dropped
	return n
}

func (o *output) sayDropped(bytes int64) {
	if bytes > 0 {
		o.log.Warn("plugin writes too fast, output dropped", "bytes", bytes)
	}
}

// floods reports, once, that there is no end to what is dropped. o.mu is held.
func (o *output) floods(now time.Time) bool {
	if now.Sub(o.counted) > floodTime {
		o.counted, o.before = now, o.dropped
	}
	flood := o.dropped-o.before > floodBytes && !o.ending
	o.ending = o.ending || flood
	return flood
}

// reports takes a line that belongs to the report of a panic. o.mu is held.
func (o *output) reports(line []byte) bool {
	if o.report == nil {
		if !bytes.HasPrefix(line, []byte("panic: ")) && !bytes.HasPrefix(line, []byte("fatal error: ")) {
			return false
		}
		text := shorten(string(line), shownLine)
		o.died = shorten(text, shownQuote)
		o.report = &report{panic: text}
		o.report.late = time.AfterFunc(panicTime, o.livesOn)
		return true
	}
	if r := o.report; len(r.stack)+len(line) < longestPanic {
		r.stack = append(append(r.stack, line...), '\n')
	} else {
		o.dropped += int64(len(line) + 1)
	}
	return true
}

// livesOn ends the report of a process that did not die of it: one of its children
// may have.
func (o *output) livesOn() {
	o.mu.Lock()
	text := o.died
	if o.report == nil { // it did, meanwhile
		o.mu.Unlock()
		return
	}
	o.died = ""
	o.mu.Unlock()
	o.remember(text)
	o.sayPanic()
}

// sayPanic logs the report that has been written, if there is one.
func (o *output) sayPanic() {
	o.mu.Lock()
	r := o.report
	o.report = nil
	o.mu.Unlock()
	if r == nil {
		return
	}
	r.late.Stop()
	o.log.Error("plugin panicked", "panic", r.panic, "stack", untabbed(strings.ToValidUTF8(strings.TrimSpace(string(r.stack)), "?")))
}

// end logs what still waits to be said. The process is gone.
func (o *output) end() {
	o.sayPanic()
	o.mu.Lock()
	unsaid := o.dropped - o.told
	o.told = o.dropped
	o.mu.Unlock()
	o.sayDropped(unsaid)
}

// remember keeps the line for the reason of the plugin's end.
func (o *output) remember(text string) {
	text = shorten(text, shownQuote)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tail) == tailLines {
		o.tail = slices.Delete(o.tail, 0, 1)
	}
	o.tail = append(o.tail, text)
}

// last quotes what the plugin wrote last; empty when it wrote nothing.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.died != "":
		return fmt.Sprintf("%q", o.died)
	case len(o.tail) == 0:
		return ""
	default:
		return fmt.Sprintf("%q", strings.Join(o.tail, " / "))
	}
}

func (o *output) droppedBytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// parseEntry reads a line of hclog's JSON.
func parseEntry(line []byte) (level hclog.Level, message string, pairs []any, ok bool) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return 0, "", nil, false
	}
	name, _ := fields["@level"].(string)
	message, ok = fields["@message"].(string)
	level = hclog.LevelFromString(name)
	if !ok || level == hclog.NoLevel || level == hclog.Off {
		return 0, "", nil, false
	}
	keys := make([]string, 0, len(fields))
	for key := range fields {
		// The host's log has its own time and name.
		if !strings.HasPrefix(key, "@") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		name := key
		if key == "plugin" || key == "generation" { // ours say which plugin wrote it
			name = "bot_" + key
		}
		value := fields[key]
		if text, is := value.(string); is {
			value = untabbed(text)
		}
		pairs = append(pairs, name, value)
	}
	return level, shorten(oneLine.Replace(message), shownLine), pairs, true
}

// untabbed has spaces where Go's stacks have tabs: hclog would write \t.
func untabbed(s string) string { return strings.ReplaceAll(s, "\t", "    ") }

// oneLine keeps a message from looking like lines of the host's own.
var oneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`)

func shorten(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// lines is an io.Writer that hands on whole lines; go-plugin copies into it what
// the author prints once it serves.
type lines struct {
	line    func([]byte)
	waiting []byte
}

func (w *lines) Write(b []byte) (int, error) {
	w.waiting = append(w.waiting, b...)
	for {
		i := bytes.IndexByte(w.waiting, '\n')
		if i < 0 {
			break
		}
		w.line(bytes.TrimRight(w.waiting[:i], "\r"))
		w.waiting = w.waiting[:copy(w.waiting, w.waiting[i+1:])]
	}
	if len(w.waiting) > longestLine {
		w.line(w.waiting)
		w.waiting = w.waiting[:0]
	}
	return len(b), nil
}
