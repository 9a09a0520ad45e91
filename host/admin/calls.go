package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Call is what there is to know of a call.
type Call struct {
	Conversation string    `json:"conversation"`
	Session      string    `json:"session"`
	Org          string    `json:"org"`
	Agent        string    `json:"agent"`
	Plugin       string    `json:"plugin,omitempty"` // none has it, if empty
	Generation   int       `json:"generation,omitempty"`
	Since        time.Time `json:"since"`
	State        string    `json:"state"` // greeting, listening, hearing, answering, resuming, leaving, away or ended
	Turn         uint64    `json:"turn"`  // the last one that was opened
}

// TraceOptions say what of a call is traced.
type TraceOptions struct {
	Content bool `json:"content,omitempty"` // from now on also keys, texts, metadata and audio
	Follow  bool `json:"follow,omitempty"`  // also what is still to come
}

// Tracing is a trace of a call. Next waits for what comes next until ctx ends, and
// returns io.EOF at the end.
type Tracing interface {
	Call() Call
	Next(ctx context.Context) ([]TraceLine, error)
	Close()
}

// TraceLine is a line of a trace: one of its fields.
type TraceLine struct {
	Call   *Call       `json:"call,omitempty"` // the first
	Missed int         `json:"missed,omitempty"`
	Entry  *TraceEntry `json:"entry,omitempty"`
	Audio  *TraceAudio `json:"audio,omitempty"`
	Lost   int         `json:"lost,omitempty"` // bytes of audio that came too fast
	End    bool        `json:"end,omitempty"`  // of what there is to be told
	Error  string      `json:"error,omitempty"`
}

// TraceEntry is something that happened in a call.
type TraceEntry struct {
	At      float64 `json:"at_ms"` // since the session began
	From    string  `json:"from"`  // host, bot, or call
	What    string  `json:"what"`
	Turn    uint64  `json:"turn,omitempty"`
	Prompt  uint64  `json:"prompt,omitempty"`
	Late    bool    `json:"late,omitempty"` // it was dropped
	Detail  string  `json:"detail,omitempty"`
	Content string  `json:"content,omitempty"`
}

// TraceAudio is a piece of what is heard: mu-law at 8 kHz.
type TraceAudio struct {
	At   float64 `json:"at_ms"`
	Bot  bool    `json:"bot,omitempty"` // it is the bot's, and plays behind what plays already
	Cut  bool    `json:"cut,omitempty"` // from here on nothing of the bot's is heard that came before
	Data []byte  `json:"data,omitempty"`
}

func handleCalls(mux *http.ServeMux, host Host) {
	mux.HandleFunc("GET /v1/calls", func(w http.ResponseWriter, _ *http.Request) {
		calls := host.Calls()
		if calls == nil {
			calls = []Call{}
		}
		answer(w, http.StatusOK, calls)
	})
	mux.HandleFunc("POST /v1/calls/{id}/trace", func(w http.ResponseWriter, r *http.Request) {
		var asked TraceOptions
		if err := decode(http.MaxBytesReader(w, r.Body, maxBody), &asked); err != nil {
			refuse(w, http.StatusBadRequest, "%v", err)
			return
		}
		t, err := host.Trace(r.PathValue("id"), asked)
		if err != nil {
			refuse(w, http.StatusNotFound, "%v", err)
			return
		}
		defer t.Close()
		trace(r.Context(), t, stream(w))
	})
}

// trace streams a trace until it or ctx ends.
func trace(ctx context.Context, t Tracing, out func(any)) {
	call := t.Call()
	out(TraceLine{Call: &call})
	for {
		lines, err := t.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			out(TraceLine{End: true})
			return
		case err != nil:
			out(TraceLine{Error: err.Error()})
			return
		}
		for _, l := range lines {
			out(l)
		}
	}
}

// Calls lists the live calls of the host.
func (c *Client) Calls(ctx context.Context) (calls []Call, err error) {
	return calls, c.get(ctx, "/v1/calls", &calls)
}

// Trace calls line with each line of a call's trace, until its end, the first error, or
// that of ctx, whose cause it returns.
func (c *Client) Trace(ctx context.Context, id string, o TraceOptions, line func(TraceLine) error) error {
	asked, err := json.Marshal(o)
	if err != nil {
		return err
	}
	body, err := c.do(ctx, http.MethodPost, "/v1/calls/"+url.PathEscape(id)+"/trace", asked)
	if err != nil {
		return err
	}
	defer body.Close()
	for d := json.NewDecoder(body); ; {
		var l TraceLine
		switch err := d.Decode(&l); {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("the host at %v broke off the trace: %w", c.address, err)
		case l.Error != "":
			return errors.New(l.Error)
		case l.End:
			return nil
		}
		if err := line(l); err != nil {
			return err
		}
	}
}
