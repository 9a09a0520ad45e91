package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// mute never answers: it waits until the host loses patience.
func mute(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnStart {
		return reply.Play(tone(short))
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// twice answers a turn, and then once more.
func twice(ctx context.Context, call *plugin.Call, e plugin.InputEndedEvent) error {
	for range 2 {
		if err := call.Play(ctx, tone(short), plugin.PromptOptions{Turn: e.Turn}); err != nil {
			return err
		}
		if err := call.Done(e.Turn); err != nil {
			return err
		}
	}
	return nil
}

// late goes on speaking when its turn is over, and tells what came of it.
func late(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	if err := talk(ctx, reply, 2*time.Second); err == nil {
		if err := turn.Call.Done(turn.Number); err != nil {
			return err
		}
	}
	if err := pause(context.WithoutCancel(ctx), time.Second); err != nil {
		return err
	}
	err := turn.Call.Play(context.WithoutCancel(ctx), tone(short), plugin.PromptOptions{Turn: turn.Number})
	turn.Call.Log().Info("spoke too late", "error", err)
	return err
}

// afterEnd does not see that it has left the call.
func afterEnd(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	return errors.Join(reply.Transfer("first"), reply.Play(tone(short)), reply.Transfer("second"))
}

// dribble keeps saying a little.
func dribble(ctx context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	prompt, err := reply.Stream(telephone)
	if err != nil {
		return err
	}
	defer prompt.Close()
	for {
		if _, err := prompt.Write(tone(100 * time.Millisecond).Data); err != nil {
			return err
		}
		if err := pause(ctx, 5*time.Second); err != nil {
			return err
		}
	}
}

// crash has a bug.
func crash(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnSpeech {
		panic("testbot: the crash agent heard something")
	}
	return reply.Play(tone(short))
}

// exit takes the whole process, and all of its calls, along.
func exit(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.DTMF == "5" {
		os.Exit(5)
	}
	return reply.Play(tone(short))
}

// flood says more than anybody would want to hear.
func flood(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	prompt, err := reply.Stream(telephone)
	if err != nil {
		return err
	}
	defer prompt.Close()
	second := tone(time.Second).Data
	for range 600 {
		if _, err := prompt.Write(second); err != nil {
			return err
		}
	}
	return nil
}

// sensitive takes a secret number; the entries after it are none.
func sensitive(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnStart {
		secret := plugin.Input{Mode: plugin.InputDTMF, DTMFLength: 4, Sensitive: true}
		if err := reply.SetInput(secret); err != nil {
			return err
		}
	}
	turn.Call.Log().Info("answering", "turn", turn.Number, "keys", len(turn.DTMF))
	return reply.Play(tone(short))
}

// noInputEvent tells the flow of a silent caller, and has nothing to say itself.
func noInputEvent(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnNoInput {
		reply.Tell(plugin.FlowNoInput)
		return nil
	}
	return reply.Play(tone(short))
}

// spontaneous speaks up when nobody has asked it anything.
func spontaneous(ctx context.Context, call *plugin.Call) error {
	for {
		event, err := call.Next(ctx)
		if err != nil {
			return err // io.EOF: the call is over
		}
		ended, ok := event.(plugin.InputEndedEvent)
		if !ok {
			continue
		}
		if err := speakUp(ctx, call, ended.Turn); err != nil && !errors.Is(err, plugin.ErrTurnEnded) {
			return err
		}
	}
}

// speakUp answers a turn, and after the first has more to say.
func speakUp(ctx context.Context, call *plugin.Call, turn uint64) error {
	if err := call.Play(ctx, tone(short), plugin.PromptOptions{Turn: turn}); err != nil {
		return err
	}
	if err := call.Done(turn); err != nil || turn != 1 {
		return err
	}
	if err := pause(ctx, short+time.Second); err != nil {
		return err
	}
	return call.Play(ctx, tone(answer))
}
