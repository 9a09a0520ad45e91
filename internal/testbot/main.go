package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

func main() {
	p, err := describe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbot:", err)
		os.Exit(1)
	}
	p.Serve()
}

// behaviours are the virtual agents.
var behaviours = []struct {
	id      string
	handler plugin.Handler
}{
	{"slow-answer", plugin.HandlerFunc(slowAnswer)},
	{"long-welcome", plugin.HandlerFunc(longWelcome)},
	{"menu", plugin.HandlerFunc(menu)},
	{"desk", plugin.HandlerFunc(desk)},
	{"closer", plugin.HandlerFunc(closer)},
	{"custom", plugin.HandlerFunc(custom)},
	{"mute", plugin.HandlerFunc(mute)},
	{"twice", plugin.Events{InputEnded: twice}},
	{"late", plugin.HandlerFunc(late)},
	{"after-end", plugin.HandlerFunc(afterEnd)},
	{"dribble", plugin.HandlerFunc(dribble)},
	{"crash", plugin.HandlerFunc(crash)},
	{"exit", plugin.HandlerFunc(exit)},
	{"flood", plugin.HandlerFunc(flood)},
	{"sensitive", plugin.HandlerFunc(sensitive)},
	{"no-input-event", plugin.HandlerFunc(noInputEvent)},
	{"spontaneous", plugin.CallFunc(spontaneous)},
	{"formats", plugin.HandlerFunc(formats)},
	{"poison", plugin.Turns(newPoison)},
	{"save-late", plugin.Turns(newSaveLate)},
	{"stubborn", plugin.Turns(newCounter)},
	{"log", plugin.CallFunc(logEvents)},
	{"panics-in-probe", plugin.HandlerFunc(panicsInProbe)},
	{"hang", plugin.HandlerFunc(hang)},
	{"sigstop", plugin.HandlerFunc(sigstop)},
	{"leak", plugin.HandlerFunc(leak)},
	{"stderr-flood", plugin.HandlerFunc(floodStderr)},
	{"stdout-flood", plugin.HandlerFunc(floodStdout)},
}

// serve gives a call to the agent that was called.
func serve(ctx context.Context, call *plugin.Call) error {
	for _, b := range behaviours {
		if b.id == call.Info().Agent {
			return b.handler.ServeCall(ctx, call)
		}
	}
	return fmt.Errorf("no virtual agent %q", call.Info().Agent)
}

// settings are the plugin's section of the configuration.
var settings = struct {
	Tone   float64 `json:"tone"`   // hertz
	Pace   float64 `json:"pace"`   // factor for all times
	Events string  `json:"events"` // file of the agent log
}{Tone: 440, Pace: 1}

func configure(_ context.Context, s plugin.Settings) error {
	if err := s.Decode(&settings); err != nil {
		return err
	}
	if settings.Tone < 50 || settings.Tone > 3400 {
		return &plugin.FieldError{Field: "tone", Message: fmt.Sprintf("%g Hz cannot be heard on a telephone: want 50 to 3400", settings.Tone)}
	}
	if settings.Pace < 0.001 || settings.Pace > 10 {
		return &plugin.FieldError{Field: "pace", Message: fmt.Sprintf("is %g, must be 0.001 to 10", settings.Pace)}
	}
	return nil
}

// paced is a time at the pace of the settings.
func paced(d time.Duration) time.Duration {
	return time.Duration(float64(d) * settings.Pace).Round(time.Millisecond)
}

// pause waits and returns early, with the reason, when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(paced(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
