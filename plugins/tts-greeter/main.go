// Tts-greeter is a small IVR: it greets callers by a text that fits the organisation, the
// language and the hour, and then listens, plays a menu, transfers or ends. The host
// speaks what it says. It is also an example of a bot that is configured.
//
// With nothing configured it says one sentence, says it again after any input or silence,
// and ends the call the third time.
package main

import (
	"context"
	"strconv"
	"time"
	_ "time/tzdata" // for machines that have no list of time zones

	"github.com/byova-host/byova-host/sdk/plugin"
)

// version is what the host's log shows. A build may set another one.
var version = "1.0.0"

func main() {
	var s settings
	plugin.Plugin{
		Name: "tts-greeter", Version: version, Resume: plugin.ResumeSaved, StateVersion: 1,
		Configure: func(_ context.Context, given plugin.Settings) (err error) {
			s, err = read(given)
			return err
		},
		Handler: plugin.Turns(func(call *plugin.Call) plugin.HandlerFunc { return newGreeter(&s, call).answer }),
	}.Serve()
}

// greeter is one call. Its turns come one after another.
type greeter struct {
	settings *settings
	call     *plugin.Call
	now      func() time.Time
	tries    int // how often the caller was asked again; the state that is saved
}

func newGreeter(s *settings, call *plugin.Call) *greeter {
	g := &greeter{settings: s, call: call, now: time.Now}
	if r := call.Info().Resumed; r != nil {
		g.tries, _ = strconv.Atoi(string(r.State)) // empty before the first try
	}
	return g
}

// answer answers one turn.
func (g *greeter) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if len(turn.Refused) > 0 && g.settings.Unspoken == "transfer" {
		return reply.Transfer("a prompt could not be spoken")
	}
	switch turn.Kind {
	case plugin.TurnStart:
		if turn.Custom.Turn != 0 { // back from a choice that was an event
			return g.offer(reply)
		}
		return g.greet(reply)
	case plugin.TurnDTMF:
		if choice, ok := g.settings.Menu.Keys[turn.DTMF]; ok && g.settings.Then == "menu" {
			return g.choose(choice, reply)
		}
		return g.again(reply, g.settings.Menu.Invalid)
	case plugin.TurnSpeech:
		return g.again(reply, g.settings.Menu.Invalid)
	case plugin.TurnNoInput:
		return g.again(reply, "")
	default: // an event of the flow
		return g.offer(reply)
	}
}

// offer says the menu, if there is one.
func (g *greeter) offer(reply *plugin.Reply) error {
	if g.settings.Then != "menu" {
		return nil
	}
	return g.say(reply, g.settings.Menu.Prompt)
}

// greet greets, and does what comes then.
func (g *greeter) greet(reply *plugin.Reply) error {
	say := g.say
	if g.settings.Then == "transfer" || g.settings.Then == "end" {
		say = g.sayLast
	}
	if err := say(reply, g.greeting()); err != nil {
		return err
	}
	switch g.settings.Then {
	case "transfer":
		return reply.Transfer(g.settings.Reason)
	case "end":
		return reply.End()
	case "menu":
		if err := reply.SetInput(g.settings.input()); err != nil {
			return err
		}
	}
	return g.offer(reply)
}

// again asks again, as often as it is to be asked.
func (g *greeter) again(reply *plugin.Reply, why string) error {
	g.tries++
	if err := reply.SaveState([]byte(strconv.Itoa(g.tries))); err != nil {
		return err
	}
	if g.tries >= g.settings.Attempts {
		return g.giveUp(reply)
	}
	if g.settings.Then != "menu" {
		return g.say(reply, g.greeting())
	}
	if err := g.say(reply, why); err != nil {
		return err
	}
	return g.offer(reply)
}

func (g *greeter) giveUp(reply *plugin.Reply) error {
	if err := g.sayLast(reply, g.settings.Goodbye); err != nil {
		return err
	}
	if g.settings.GiveUp == "transfer" {
		return reply.Transfer("no choice was made")
	}
	return reply.End()
}

// choose does what a key of the menu is for.
func (g *greeter) choose(c choice, reply *plugin.Reply) error {
	g.tries = 0
	if err := reply.SaveState([]byte("0")); err != nil {
		return err
	}
	say := g.say
	if c.Transfer != "" || c.End {
		say = g.sayLast
	}
	if err := say(reply, c.Say); err != nil {
		return err
	}
	switch {
	case c.Transfer != "":
		return reply.Transfer(c.Transfer, plugin.TransferOptions{Metadata: c.Metadata})
	case c.Event != "":
		return reply.Custom(c.Event, c.Metadata)
	case c.End:
		return reply.End()
	}
	return g.offer(reply)
}

// say has the host speak a text, if there is one.
func (g *greeter) say(reply *plugin.Reply, text string) error {
	return g.speak(reply, text, plugin.PromptOptions{})
}

// sayLast does so before the call goes elsewhere: the caller hears it to its end.
func (g *greeter) sayLast(reply *plugin.Reply, text string) error {
	return g.speak(reply, text, plugin.PromptOptions{Uninterruptible: true})
}

func (g *greeter) speak(reply *plugin.Reply, text string, options plugin.PromptOptions) error {
	if text == "" {
		return nil
	}
	options.Language = g.settings.Language
	return reply.Say(text, options)
}
