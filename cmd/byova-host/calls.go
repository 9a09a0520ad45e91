package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/byova-host/byova-host/host/admin"
)

type callsCmd struct {
	List  callsListCmd  `cmd:"" help:"List the live calls."`
	Trace callsTraceCmd `cmd:"" help:"Show what a call's bot was told and what it asked for, and follow the call to its end."`
}

type callsListCmd struct {
	adminFlag
	JSON bool `help:"Print JSON."`
}

type callsTraceCmd struct {
	ID string `arg:"" help:"The call: its conversation or session as calls list shows it, or how that begins. One of the last 64 calls that have ended will do."`
	adminFlag
	Audio  bool `help:"Show also the keys, texts and metadata that come from now on, and write both sides of what is heard to ID.wav, the caller left and the bot right. The host's log says so."`
	Follow bool `negatable:"" default:"true" help:"Go on until the call ends (true). With --no-follow, show only what has been."`
	JSON   bool `help:"Print a line of JSON for each entry."`
}

// Run prints the live calls of a running host.
func (c *callsListCmd) Run(ctx context.Context, out io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	calls, err := client.Calls(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(calls)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONVERSATION\tSESSION\tORG\tAGENT\tPLUGIN\tSINCE\tSTATE\tTURN")
	for _, call := range calls {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", cell(call.Conversation), call.Session, cell(call.Org), cell(call.Agent),
			place(call), call.Since.Local().Format(time.DateTime), call.State, call.Turn)
	}
	return table.Flush()
}

// place is the plugin that has a call, and its generation.
func place(c admin.Call) string {
	if c.Plugin == "" {
		return "-"
	}
	return fmt.Sprintf("%s/%d", cell(c.Plugin), c.Generation)
}

// Run prints the trace of a call.
func (c *callsTraceCmd) Run(ctx context.Context, out io.Writer) (err error) {
	if c.ID == "" {
		return usageError{"calls trace: which call? calls list shows those there are"}
	}
	if c.Audio && !c.Follow {
		return usageError{"calls trace: --audio with --no-follow: content is told only from now on, and nothing of it was kept"}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var both *recording
	defer func() {
		if closed := both.save(); err == nil {
			err = closed
		}
		if name := both.name(); err == nil && name != "" {
			err = c.tellRecorded(out, name)
		}
	}()
	err = client.Trace(ctx, c.ID, admin.TraceOptions{Content: c.Audio, Follow: c.Follow}, func(l admin.TraceLine) error {
		if l.Call != nil && c.Audio && l.Call.State != "ended" {
			if both, err = newRecording(l.Call.Conversation); err != nil {
				return err
			}
		}
		if l.Audio != nil {
			both.add(*l.Audio)
			return nil
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(l)
		}
		_, err := io.WriteString(out, c.line(l))
		return err
	})
	if ctx.Err() != nil { // whoever watched has seen enough
		return nil
	}
	return err
}

func (c *callsTraceCmd) tellRecorded(out io.Writer, name string) (err error) {
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]string{"recorded": name})
	}
	_, err = fmt.Fprintf(out, "recorded %s\n", name)
	return err
}

// line is a line of a trace as a person reads it.
func (c *callsTraceCmd) line(l admin.TraceLine) string {
	switch {
	case l.Call != nil:
		return c.head(*l.Call)
	case l.Missed > 0:
		return fmt.Sprintf("%s before are not kept any more\n", plural(l.Missed, "line"))
	case l.Lost > 0:
		return fmt.Sprintf("%s of audio came too fast and are not recorded\n", plural(l.Lost, "byte"))
	case l.Entry == nil:
		return ""
	}
	e := l.Entry
	detail := e.Detail
	if e.Prompt > 0 {
		detail = join(fmt.Sprintf("prompt %d", e.Prompt), detail)
	}
	if e.Late {
		detail = join(detail, "too late, dropped")
	}
	if e.Content != "" {
		detail = join(detail, e.Content)
	}
	turn := "-"
	if e.Turn > 0 {
		turn = strconv.FormatUint(e.Turn, 10)
	}
	text := fmt.Sprintf("%9.3f  %-4s  %-13s  %4s", e.At/1000, e.From, e.What, turn)
	if detail = cell(detail); detail != "" {
		text += "  " + detail
	}
	return text + "\n"
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

// head says which call it is, and what the columns are.
func (c *callsTraceCmd) head(call admin.Call) string {
	text := fmt.Sprintf("conversation %s, session %s, agent %s, plugin %s, since %s: %s\n", cell(call.Conversation), call.Session,
		cell(call.Agent), place(call), call.Since.Local().Format(time.DateTime), call.State)
	if c.Audio && call.State == "ended" {
		text += "The call has ended: nothing of its content was kept.\n"
	}
	return text + fmt.Sprintf("%9s  %-4s  %-13s  %4s\n", "SECONDS", "FROM", "WHAT", "TURN")
}
