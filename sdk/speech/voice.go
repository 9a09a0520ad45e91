package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config says how a Voice speaks. Zero fields take the default.
type Config struct {
	Engines  []Engine // in the order in which they are tried; default: those of Standard
	Language string   // of requests that name none; default: each engine's own
	Voice    string   // of requests that name none; default: each engine's own
	Cache    int      // bytes of speech that are kept; default 32 MiB, half an hour
	Log      hclog.Logger
}

// Voice speaks with the first of its engines that can. It may be used concurrently.
type Voice struct {
	config  Config
	cache   *cache
	engines []Engine // as they are asked: through the cache, unless they are prepared
}

// New makes a voice. Close it.
func New(c Config) *Voice {
	if len(c.Engines) == 0 {
		c.Engines = Standard(context.Background())
	}
	if c.Cache == 0 {
		c.Cache = 32 << 20
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	v := &Voice{config: c, cache: newCache(c.Cache)}
	for _, e := range c.Engines {
		if _, ready := e.(prepared); !ready {
			own := newLeveled(e)
			e = cached{&resting{Engine: own, recordings: own.recordings, log: c.Log}, v.cache}
		}
		v.engines = append(v.engines, e)
	}
	return v
}

// holder is an engine that has some texts.
type holder interface{ has(r Request) bool }

// prepared marks engines whose sound is as it is to be, and costs nothing.
type prepared interface{ prepared() }

// Close ends what is being synthesized and waits for it. It closes the engines that are
// io.Closers.
func (v *Voice) Close() {
	v.cache.close()
	for _, e := range v.config.Engines {
		if c, ok := e.(io.Closer); ok {
			_ = c.Close() // nothing is written
		}
	}
}

// Engines are the names of the voice's engines in the order in which they are tried.
func (v *Voice) Engines() (names []string) {
	for _, e := range v.engines {
		names = append(names, e.Name())
	}
	return names
}

// between is the pause between two sentences.
const between = 250 * time.Millisecond

// Synthesize implements Synthesizer. The error of a request that no engine speaks has
// the reason of each; what was spoken before is in w then.
func (v *Voice) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	r, err := r.checked()
	if err != nil {
		return err
	}
	r.Language, r.Voice = orElse(r.Language, v.config.Language), orElse(r.Voice, v.config.Voice)
	parts := []Request{r}
	if r.SSML == "" && !v.recorded(r) {
		parts = parts[:0]
		for _, s := range sentences(r.Text) {
			part := r
			part.Text = s
			parts = append(parts, part)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var ahead sync.WaitGroup
	defer ahead.Wait()
	defer cancel()
	for i, part := range parts {
		if i > 0 {
			if _, err := w.Write(silence(between)); err != nil {
				return err
			}
		}
		if i+1 < len(parts) {
			ahead.Go(func() { _ = v.speak(ctx, parts[i+1], io.Discard) }) // its turn will tell
		}
		if err := v.speak(ctx, part, w); err != nil {
			return err
		}
	}
	return nil
}

// recorded says that there is a recording of the whole of a text.
func (v *Voice) recorded(r Request) bool {
	for _, e := range v.config.Engines {
		if h, ok := e.(holder); ok && h.has(r) {
			return true
		}
	}
	return false
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func silence(d time.Duration) []byte {
	return make([]byte, int(d.Seconds()*Rate)*pcmBytes)
}

// speak has the first engine speak that can. One that fails when some of it was heard
// has the next one say it again, after a pause.
func (v *Voice) speak(ctx context.Context, r Request, w io.Writer) error {
	var failures []string
	textual := true
	for _, e := range v.order() {
		out := &counted{to: w}
		err := e.Synthesize(ctx, r, out)
		_, listener := errors.AsType[*listenerError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case listener || out.err != nil:
			return err
		}
		failures = append(failures, e.Name()+": "+err.Error())
		textual = textual && isTextual(err)
		if out.n > 0 {
			if _, err := w.Write(silence(between)); err != nil {
				return err
			}
		}
	}
	why := fmt.Sprintf("no speech engine can say this (%d characters%s): %s", len([]rune(r.Text+r.SSML)), inLanguage(r.Language), strings.Join(failures, "; "))
	if textual {
		return &TextError{why}
	}
	return errors.New(why)
}

func isTextual(err error) bool {
	_, ok := errors.AsType[*TextError](err)
	return ok
}

func inLanguage(tag string) string {
	if tag == "" {
		return ""
	}
	return " in " + tag
}

// order has the engines that rest behind the others.
func (v *Voice) order() []Engine {
	now := time.Now()
	var ready, rest []Engine
	for _, e := range v.engines {
		if c, ok := e.(cached); ok && c.rests(now) {
			rest = append(rest, e)
		} else {
			ready = append(ready, e)
		}
	}
	return append(ready, rest...)
}

// counted counts what was written and keeps the error of the writer.
type counted struct {
	to  io.Writer
	n   int
	err error
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n, c.err = c.n+n, err
	return n, err
}

const (
	shortRest = 5 * time.Second
	longRest  = 5 * time.Minute
)

// resting is an engine that rests when it failed, so that not each call waits for it.
type resting struct {
	Engine
	recordings bool // of which one may be broken, and which lack most texts
	log        hclog.Logger

	mu      sync.Mutex
	rest    time.Duration // the last one; 0 while it works
	until   time.Time
	refused bool // a text, which was logged
}

// Synthesize implements Synthesizer, and learns how the engine is.
func (e *resting) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	err := e.Engine.Synthesize(ctx, r, w)
	switch {
	case err == nil:
		e.works()
	case ctx.Err() != nil: // nobody listens any more
	case e.recordings: // the others may be right
		return &TextError{err.Error()}
	case isTextual(err):
		e.refuses(err)
	default:
		e.failed(err)
	}
	return err
}

func (e *resting) rests(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Before(e.until)
}

func (e *resting) works() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rest, e.until = 0, time.Time{}
}

// refuses logs the first text that an engine does not take: it may be that it takes none.
func (e *resting) refuses(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.refused {
		e.refused = true
		e.log.Info("speech engine does not take every text; this is logged once", "engine", e.Name(), "error", err)
	}
}

// failed has the engine rest, each time for longer. Those that failed at the same time
// count once.
func (e *resting) failed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.Before(e.until) {
		return
	}
	e.rest = min(max(2*e.rest, shortRest), longRest)
	e.until = now.Add(e.rest)
	e.log.Warn("speech engine failed, and is tried last for a while", "engine", e.Name(), "for", e.rest, "error", err)
}

// warmUp is what an engine says at the start, to be known.
const warmUp = "Hello, and welcome. One moment, please."

// WarmUp has each engine speak once, so that programs and connections are warm and the
// loudness of the voice is known, and has the texts ready before they are asked for. It
// returns what could not be spoken.
func (v *Voice) WarmUp(ctx context.Context, texts ...Request) error {
	var failures []error
	for _, e := range v.engines {
		err := e.Synthesize(ctx, Request{Text: warmUp, Language: v.config.Language, Voice: v.config.Voice}, io.Discard)
		if err != nil && !isTextual(err) && ctx.Err() == nil {
			failures = append(failures, fmt.Errorf("%s: %w", e.Name(), err))
		}
	}
	for _, r := range texts {
		if err := v.Synthesize(ctx, r, io.Discard); err != nil {
			failures = append(failures, fmt.Errorf("%.40q: %w", r.Text+r.SSML, err))
		}
	}
	return errors.Join(failures...)
}
