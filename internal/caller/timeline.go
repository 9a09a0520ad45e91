package caller

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// Timeline writes entries as they come. It is used by one goroutine at a time;
// errors of the writer are kept for Close.
type Timeline struct {
	w    io.Writer
	json bool
	wait *Entry // chunks in a row become one line
	n    int    // of them
	err  error
}

// NewTimeline writes lines for people.
func NewTimeline(w io.Writer) *Timeline { return &Timeline{w: w} }

// NewJSONLines writes one JSON object for each entry.
func NewJSONLines(w io.Writer) *Timeline { return &Timeline{w: w, json: true} }

// Log writes one entry; it fits Options.Log.
func (t *Timeline) Log(e Entry) {
	if t.json {
		line, err := json.Marshal(e)
		t.write(append(line, '\n'), err)
		return
	}
	if chunk(e) {
		if t.wait != nil && t.wait.RPC == e.RPC && bargeIn(*t.wait) == bargeIn(e) {
			t.wait.Audio += played(e.Response)
			t.n++
			return
		}
		t.flush()
		t.wait, t.n = &e, 1
		t.wait.Audio = played(e.Response)
		return
	}
	t.flush()
	t.write([]byte(line(e)), nil)
}

// Close writes what waits and returns the first error of the writer, which
// stays open.
func (t *Timeline) Close() error {
	t.flush()
	return t.err
}

func (t *Timeline) flush() {
	if e := t.wait; e != nil {
		t.wait = nil
		t.write([]byte(stamp(*e)+fmt.Sprintf("<- %s, %.2f s audio%s\n", count(t.n, "CHUNK"), e.Audio.Seconds(), bargeIn(*e))), nil)
	}
}

func (t *Timeline) write(b []byte, err error) {
	if t.err != nil {
		return
	}
	if err == nil {
		_, err = t.w.Write(b)
	}
	t.err = err
}

func count(n int, what string) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%d %s", n, what)
}

// chunk reports whether e is nothing but a piece of audio.
func chunk(e Entry) bool {
	r := e.Response
	return e.Kind == Responded && r.Type == typeChunk && len(r.Events) == 0 && r.InputMode == "" && !r.Config && len(r.Prompts) == 1 && !r.Prompts[0].Text
}

func bargeIn(e Entry) string {
	for _, p := range e.Response.Prompts {
		if p.BargeIn {
			return ", barge-in"
		}
	}
	return ""
}

func played(r *Response) (d time.Duration) {
	for _, p := range r.Prompts {
		d += time.Duration(p.AudioMS * float64(time.Millisecond))
	}
	return d
}

func stamp(e Entry) string {
	at := fmt.Sprintf("+%.3fs", e.At.Seconds())
	if e.RPC == 0 {
		return fmt.Sprintf("%-9s caller ", at)
	}
	return fmt.Sprintf("%-9s rpc%-3d ", at, e.RPC)
}

// line is an entry in words: -> goes to the server, <- comes from it.
func line(e Entry) string {
	var s string
	switch e.Kind {
	case Opened:
		s = "-> open"
		if e.Conn > 0 {
			s += fmt.Sprintf(" on connection %d", e.Conn)
		}
	case SentEvent:
		s = "-> " + e.Event
	case SentKeys:
		s = fmt.Sprintf("-> keys %q", e.Digits)
	case SentAudio:
		s = fmt.Sprintf("-> audio %.2f s %s", e.Audio.Seconds(), map[bool]string{true: "speech", false: "silence"}[e.Speech])
	case HalfClosed:
		s = "-> half-close"
		if e.Text != "" {
			s += ": " + e.Text
		}
	case Cancelled:
		s = "-> cancel: " + e.Text
	case Responded:
		s = "<- " + e.Response.String()
	case Ended:
		s = "<- completed"
		if e.Status != codes.OK {
			s = fmt.Sprintf("<- ended with %v %q", e.Status, e.Text)
		}
	case SpeechStart:
		s = ".. speech begins"
	case SpeechEnd:
		s = ".. speech ends"
	case KeyPressed:
		s = ".. key " + e.Digits
	case Interrupted:
		s = ".. interrupted, the rest of the answer is dropped"
	case PlayStart:
		s = ".. prompt plays"
	case PlayEnd:
		s = fmt.Sprintf(".. prompt played, %.2f s", e.Audio.Seconds())
	case PlayCut:
		s = fmt.Sprintf(".. prompt cut after %.2f s, %.2f s dropped", e.Audio.Seconds(), e.Dropped.Seconds())
	default:
		s = ".. " + e.Text
	}
	return stamp(e) + s + "\n"
}

// String reads like "FINAL, 0.30 s audio, barge-in, INPUT_VOICE".
func (r *Response) String() string {
	parts := []string{r.Type}
	if len(r.Events) > 0 {
		parts = append(parts, strings.Join(r.Events, " and "))
	}
	if r.Name != "" {
		parts = append(parts, fmt.Sprintf("named %q", r.Name))
	}
	if len(r.Metadata) > 0 {
		parts = append(parts, "metadata "+strings.Join(slices.Sorted(maps.Keys(r.Metadata)), " "))
	}
	if d := played(r); d > 0 {
		parts = append(parts, fmt.Sprintf("%.2f s audio", d.Seconds())+bargeIn(Entry{Response: r}))
	}
	for _, p := range r.Prompts {
		if p.Text {
			parts = append(parts, "text")
		}
	}
	if r.InputMode != "" {
		parts = append(parts, r.InputMode)
	}
	if r.Sensitive {
		parts = append(parts, "sensitive")
	}
	if r.Transcript {
		parts = append(parts, "transcript")
	}
	if r.Summary {
		parts = append(parts, "summary")
	}
	if r.Config {
		parts = append(parts, "configuration")
	}
	return strings.Join(parts, ", ")
}
