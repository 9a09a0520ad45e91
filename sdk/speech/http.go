package speech

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HTTP is a speech service that takes POST /v1/audio/speech as OpenAI's does. Zero fields
// take the default.
type HTTP struct {
	URL          string            // of the endpoint, such as https://api.openai.com/v1/audio/speech; required
	Key          string            // the bearer token; empty: none is sent
	Model        string            // default: gpt-4o-mini-tts
	Voice        string            // default: alloy
	Voices       map[string]string // the voice by language, such as de-DE; those of requests count before them
	Instructions string            // how to speak, for models that take it
	Rate         int               // of raw PCM, in hertz, where the answer does not say; default: 24000
	Timeout      time.Duration     // for the first sound, with all tries, and for each further piece; default: 5 s
	Client       *http.Client      // default: one that keeps connections and follows no redirect
}

// NewHTTP makes the engine "openai".
func NewHTTP(s HTTP) Engine {
	if s.Model == "" {
		s.Model = "gpt-4o-mini-tts"
	}
	if s.Voice == "" {
		s.Voice = "alloy"
	}
	if s.Rate == 0 {
		s.Rate = 24000
	}
	if s.Timeout == 0 {
		s.Timeout = 5 * time.Second
	}
	if s.Client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 8
		s.Client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the key is for this server alone
		}}
	}
	return &service{HTTP: s, lacking: map[string]bool{}}
}

type service struct {
	HTTP

	mu      sync.Mutex
	lacking map[string]bool // voices that were asked for and that it does not have
}

// Name implements Engine.
func (s *service) Name() string { return "openai" }

// Close implements io.Closer.
func (s *service) Close() error {
	s.Client.CloseIdleConnections()
	return nil
}

// tries is how often a request is made that the service could not take.
const tries = 3

// errStalled says that a service made no sound in time.
var errStalled = errors.New("no sound came in time")

// Synthesize implements Synthesizer. What failed before any sound came, and may go well
// when it is asked for again, is.
func (s *service) Synthesize(ctx context.Context, r Request, w io.Writer) error {
	text, err := r.plain()
	if err != nil {
		return err
	}
	own := r
	own.Voice = ""
	if r.Voice == "" || s.lacks(r.Voice) {
		return s.try(ctx, own, text, w)
	}
	err = s.try(ctx, r, text, w)
	if !isTextual(err) {
		return err
	}
	if s.try(ctx, own, text, w) != nil { // it was not the voice
		return err
	}
	s.setLacking(r.Voice)
	return nil
}

// maxLacking bounds what is known of voices: their names may come from outside.
const maxLacking = 1000

func (s *service) lacks(voice string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lacking[voice]
}

func (s *service) setLacking(voice string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lacking) < maxLacking {
		s.lacking[voice] = true
	}
}

// try asks for the speech in one voice, and again.
func (s *service) try(ctx context.Context, r Request, text string, w io.Writer) error {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout+most(r), errors.New("it went on for too long"))
	defer cancel()
	ctx, stall := context.WithCancelCause(ctx)
	defer stall(nil)
	stalled := time.AfterFunc(s.Timeout, func() { stall(fmt.Errorf("%w, which is %v", errStalled, s.Timeout)) })
	defer stalled.Stop()
	out := &counted{to: w}
	wait := 200 * time.Millisecond
	for try := 1; ; try++ {
		err := s.request(ctx, r, text, out, stalled)
		again, ok := errors.AsType[*retryError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !ok || out.n > 0 || try == tries:
			return err
		}
		pause := max(wait, again.after)
		if time.Since(began)+pause > s.Timeout {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err // which says more than that the time is over
		}
		wait *= 2
	}
}

// retryError is a failure that may pass.
type retryError struct {
	error
	after time.Duration // as the service asks for; 0: it does not
}

func (e *retryError) Unwrap() error { return e.error }

func (s *service) voice(r Request) string {
	if r.Voice != "" {
		return r.Voice
	}
	if v := closest(r.Language, s.Voices); v != "" {
		return v
	}
	return s.Voice
}

func (s *service) request(ctx context.Context, r Request, text string, w io.Writer, stalled *time.Timer) error {
	body := map[string]string{"model": s.Model, "voice": s.voice(r), "input": text, "response_format": "pcm"}
	if s.Instructions != "" {
		body["instructions"] = s.Instructions
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(data))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	if s.Key != "" {
		q.Header.Set("Authorization", "Bearer "+s.Key)
	}
	answer, err := s.Client.Do(q)
	if err != nil {
		return &retryError{error: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	alive := &watched{Reader: answer.Body, stalled: stalled, within: s.Timeout}
	kind, parameters, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "audio/") && kind != "application/octet-stream" {
		return fmt.Errorf("the service answered with %.60q, not with sound: is %s its speech endpoint?", answer.Header.Get("Content-Type"), q.URL.Redacted())
	}
	rate := s.Rate
	if said, err := strconv.Atoi(parameters["rate"]); err == nil {
		rate = said
	}
	switch kind {
	case "audio/pcm", "audio/l16", "application/octet-stream", "audio/x-pcm", "audio/raw":
		return pcm(alive, rate, w)
	case "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave":
		return wavFile(alive, int(most(r).Seconds())*48000*2*pcmBytes, w)
	default:
		return fmt.Errorf("the service answered with %s, though raw PCM was asked for; WAV can be read, too", kind)
	}
}

// watched is a body that may not pause for long. What the reader does in between takes no
// time of it.
type watched struct {
	io.Reader
	stalled *time.Timer
	within  time.Duration
	begun   bool
}

func (b *watched) Read(p []byte) (int, error) {
	if b.begun {
		b.stalled.Reset(b.within)
	}
	n, err := b.Reader.Read(p)
	if n > 0 {
		b.begun = true
		b.stalled.Stop()
	}
	return n, err
}

// refusal says what a service answered instead of sound. Its text is not repeated: that
// may quote what was to be said.
func refusal(answer *http.Response) error {
	var body struct {
		Error struct{ Type, Code string }
	}
	data, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	facts := []string{"the service answered " + strconv.Itoa(answer.StatusCode)}
	if json.Unmarshal(data, &body) == nil {
		for _, word := range []string{body.Error.Type, body.Error.Code} {
			if word != "" && len(word) < 50 && !strings.ContainsAny(word, " \n") {
				facts = append(facts, word)
			}
		}
	}
	if id := answer.Header.Get("X-Request-Id"); id != "" && len(id) < 100 {
		facts = append(facts, "request "+id)
	}
	what := strings.Join(facts, ", ")
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errors.New(what + ": check the key")
	case status == http.StatusNotFound:
		return errors.New(what + ": check the address, and the model")
	case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity:
		return &TextError{what + ": it does not take this text, voice or model"}
	case status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented:
		return &retryError{error: errors.New(what), after: retryAfter(answer.Header.Get("Retry-After"))}
	}
	return errors.New(what)
}

func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
