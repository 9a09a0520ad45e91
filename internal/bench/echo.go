//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/lane"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// greeting is what a call begins with: half a second.
var greeting = make([]byte, 4000)

// The settings of the bench plugin.
type pluginSettings struct {
	Control   string `json:"control"`   // its socket for control
	Detection bool   `json:"detection"` // the host finds speech
}

// servePlugin is the bench plugin: this program, started by the host.
func servePlugin() {
	var settings pluginSettings
	plugin.Plugin{
		Name: "bench", Endpointing: plugin.PluginEndpointing, Audio: plugin.AudioAll, Resume: plugin.ResumeStateless,
		Configure: func(_ context.Context, s plugin.Settings) error {
			if err := s.Decode(&settings); err != nil {
				return err
			}
			return startControl(settings.Control, nil)
		},
		Handler: plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
			if settings.Detection {
				if err := call.SetEndpointing(plugin.HostEndpointing); err != nil {
					return err
				}
			}
			prompt, err := call.Stream(ctx, plugin.Format{})
			if err != nil {
				return err
			}
			return echo(ctx, pluginCaller{call, prompt})
		}),
	}.Serve()
}

// caller is the call as the handler has it, in either place.
type caller interface {
	// next returns the next event that matters: heard or turnToAnswer. io.EOF ends the call.
	next(ctx context.Context) (any, error)
	// play plays audio of the prompt that is open all along.
	play(audio []byte) error
	// answer plays the greeting and ends the turn.
	answer(ctx context.Context, turn uint64) error
}

type (
	heard        []byte
	turnToAnswer uint64
)

// echo is the handler: it greets, and plays what it hears, at once.
func echo(ctx context.Context, c caller) error {
	for {
		event, err := c.next(ctx)
		switch event := event.(type) {
		case heard:
			err = c.play(event)
		case turnToAnswer:
			err = c.answer(ctx, uint64(event))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pluginCaller is the call in a plugin.
type pluginCaller struct {
	*plugin.Call
	prompt *plugin.Prompt
}

func (c pluginCaller) next(ctx context.Context) (any, error) {
	event, err := c.Next(ctx)
	switch e := event.(type) {
	case plugin.AudioInputEvent:
		return heard(e.Audio.Data), err
	case plugin.InputEndedEvent: // the greeting turn
		return turnToAnswer(e.Turn), err
	default:
		return nil, err
	}
}

func (c pluginCaller) play(audio []byte) error {
	_, err := c.prompt.Write(audio)
	return err
}

func (c pluginCaller) answer(ctx context.Context, turn uint64) error {
	if err := c.Play(ctx, plugin.Audio{Data: greeting}, plugin.PromptOptions{Turn: turn}); err != nil {
		return err
	}
	return c.Done(turn)
}

// inMemory has the handler in the host: what a bot costs that needs no hop. It is a
// session.Agents. Each call has a goroutine and a queue that merges waiting audio, as
// it has in a plugin: a handler may wait, and the session must not.
type inMemory struct {
	detection bool
	running   *sync.WaitGroup
}

func (inMemory) List(context.Context, string) ([]session.AgentInfo, error) { return nil, nil }

func (m inMemory) Open(_ context.Context, _, _ string, sink session.Sink) (session.AgentCall, error) {
	c := &memoryCaller{sink: sink, detection: m.detection, inbox: lane.NewInbox(lane.Policy[session.Event]{
		Audio: func(e session.Event) []byte { a, _ := e.Body.(session.CallerAudio); return a.Data },
		Joins: func(last, next session.Event) bool { return true },
		Merge: func(last, _ session.Event, audio []byte) session.Event {
			last.Body = session.CallerAudio{Data: audio}
			return last
		},
	})}
	m.running.Go(func() {
		if err := echo(context.Background(), c); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	return c, nil
}

// memoryCaller is the call in the host; it is a session.AgentCall.
type memoryCaller struct {
	sink      session.Sink
	detection bool
	inbox     *lane.Inbox[session.Event]
	taken     []session.Event
	given     int
}

func (*memoryCaller) Agent() string             { return "bench" }
func (c *memoryCaller) Close(session.EndReason) { c.inbox.Close() }
func (*memoryCaller) Settled()                  {}
func (*memoryCaller) Resume(context.Context, session.Resumption, session.Sink) (session.AgentCall, error) {
	return nil, session.ErrAgentUnavailable
}
func (*memoryCaller) AudioLost() int64 { return 0 }
func (c *memoryCaller) Traits() session.Traits {
	return session.Traits{Audio: session.AllAudio, OwnEndpointing: !c.detection}
}
func (c *memoryCaller) Send(e session.Event) error { return c.inbox.Push(e) }

func (c *memoryCaller) next(context.Context) (any, error) {
	for c.given == len(c.taken) {
		closed := c.inbox.Closed() // asked first: nothing comes after it
		if c.taken, c.given = c.inbox.Take(c.taken[:0]), 0; len(c.taken) == 0 {
			if closed {
				return nil, io.EOF
			}
			<-c.inbox.Ready()
		}
	}
	e := c.taken[c.given]
	c.given++
	switch body := e.Body.(type) {
	case session.Started:
		c.sink.Command(session.Command{Prompt: 1, Body: session.StartPrompt{BargeIn: true}})
	case session.CallerAudio:
		return heard(body.Data), nil
	case session.InputEnded:
		return turnToAnswer(body.Turn), nil
	}
	return nil, nil
}

func (c *memoryCaller) play(audio []byte) error {
	c.sink.Command(session.Command{Prompt: 1, Body: session.PromptAudio{Data: audio}})
	return nil
}

func (c *memoryCaller) answer(_ context.Context, turn uint64) error {
	c.sink.Command(session.Command{Turn: turn, Prompt: 2, Body: session.StartPrompt{BargeIn: true}})
	c.sink.Command(session.Command{Turn: turn, Prompt: 2, Body: session.PromptAudio{Data: slices.Clone(greeting), End: true}})
	c.sink.Command(session.Command{Turn: turn, Body: session.Done{}})
	return nil
}
