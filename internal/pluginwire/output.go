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
	// shownLine is how much of a line goes into the log or an error.
	shownLine  = 4 << 10
	shownQuote = 160
	// tailLines is how many lines are kept to explain an exit.
	tailLines = 3
)

// output logs what a plugin writes, and remembers enough of it to say why the
// plugin ended. Its methods may be called concurrently.
type output struct {
	log   hclog.Logger
	level hclog.Level // of the plugin's lines; quieter ones are not logged

	mu       sync.Mutex
	tokens   int // bytes that may still be written
	filled   time.Time
	unsaid   int // dropped bytes that no log line has told yet
	dropped  int64
	tail     []string
	panicked string // the line that says why a Go program died
}

func newOutput(log hclog.Logger, level hclog.Level) *output {
	return &output{log: log, level: level, tokens: outputBurst, filled: time.Now()}
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
	if len(bytes.TrimSpace(line)) == 0 || !o.allow(len(line)+1) {
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
	level := hclog.Info
	if o.remember(text) {
		level = hclog.Error
	}
	if level >= o.level {
		o.log.Log(level, text, "source", source)
	}
}

// remember keeps the line for the reason of the plugin's end. It reports whether
// the line belongs to a panic's report.
func (o *output) remember(text string) bool {
	text = shorten(text, shownQuote)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.panicked == "" && (strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")) {
		o.panicked = text
	}
	if len(o.tail) == tailLines {
		o.tail = slices.Delete(o.tail, 0, 1)
	}
	o.tail = append(o.tail, text)
	return o.panicked != ""
}

// allow reports whether the byte rate has room for a line.
func (o *output) allow(n int) bool {
	o.mu.Lock()
	now := time.Now()
	if added := int(now.Sub(o.filled).Seconds() * outputRate); added > 0 {
		o.tokens, o.filled = min(outputBurst, o.tokens+added), now
	}
	if n > o.tokens {
		o.unsaid += n
		o.dropped += int64(n)
		o.mu.Unlock()
		return false
	}
	o.tokens -= n
	// Said once the flood has passed, not between any two lines of it.
	unsaid := 0
	if o.tokens > outputRate/2 {
		unsaid, o.unsaid = o.unsaid, 0
	}
	o.mu.Unlock()
	if unsaid > 0 {
		o.log.Warn("plugin writes too fast, output dropped", "bytes", unsaid)
	}
	return true
}

// last quotes what the plugin wrote last; empty when it wrote nothing.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.panicked != "":
		return fmt.Sprintf("%q", o.panicked)
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
		pairs = append(pairs, key, fields[key])
	}
	return level, shorten(oneLine.Replace(message), shownLine), pairs, true
}

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
