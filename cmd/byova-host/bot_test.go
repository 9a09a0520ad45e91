//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
	pluginv1 "github.com/byova-host/byova-host/proto/byova/plugin/v1"
	"github.com/byova-host/byova-host/sdk/plugin"
)

// bot is a plugin that is this test binary as well. A script runs it and says what it
// is to be, because a plugin gets no variables of ours and says its traits before it
// knows its settings.
type bot struct {
	Kind    string // of bots
	Version string
	Agent   string // that it offers
	Pids    string // a file to which it adds the numbers of its processes
	Died    string // a directory where it keeps in mind of which turns a process has died
}

// bots are the kinds. Each serves until its process ends.
var bots = map[string]func(bot){
	"duplex":          func(b bot) { b.duplex().Serve() },
	"crasher":         func(b bot) { b.crasher().Serve() },
	"family":          func(b bot) { b.startChild(); b.crasher().Serve() },
	"no-handshake":    func(bot) { fmt.Println("hello, this is no handshake") },
	"other-wire":      func(bot) { fmt.Println("1|99|unix|/none|grpc|"); hang() },
	"hangs-describe":  func(bot) { hangInDescribe() },
	"panics-in-probe": func(b bot) { b.panicsInProbe().Serve() },
	"prattles-to-end": func(bot) { prattle(os.Stderr) },
	"parting":         func(b bot) { b.parting().Serve() },
	"buggy":           func(b bot) { b.buggy().Serve() },
}

// runBot makes the test binary a bot, if it was started as one.
func runBot() bool {
	if len(os.Args) != 3 || os.Args[1] != "bot" {
		return false
	}
	var b bot
	if err := json.Unmarshal([]byte(os.Args[2]), &b); err != nil {
		panic(err)
	}
	b.note(os.Getpid())
	bots[b.Kind](b)
	return true
}

// file makes a program of the bot.
func (b bot) file(t *testing.T) string {
	t.Helper()
	what, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), b.Kind)
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' bot '%s'\n", self, what)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// note adds a process to the file of processes, of which nothing may be left.
func (b bot) note(pid int) {
	if b.Pids == "" {
		return
	}
	f, err := os.OpenFile(b.Pids, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, pid)
	f.Close()
}

// processes are those that were noted.
func processes(t *testing.T, file string) (all []int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// duplex sends what it hears back at once. It finds speech itself, and finds none.
func (b bot) duplex() plugin.Plugin {
	return plugin.Plugin{
		Name: "duplex", Version: b.Version, Agents: []plugin.Agent{{ID: b.Agent}},
		Audio: plugin.AudioAll, Endpointing: plugin.PluginEndpointing, Resume: plugin.ResumeStateless,
		Handler: plugin.CallFunc(sendBack),
	}
}

func sendBack(ctx context.Context, call *plugin.Call) error {
	prompt, err := call.Stream(ctx, plugin.Format{})
	if err != nil {
		return err
	}
	for {
		event, err := call.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case plugin.AudioInputEvent:
			if _, err := prompt.Write(e.Audio.Data); err != nil {
				return err
			}
		case plugin.SessionStartEvent:
			if r := e.Info.Resumed; r != nil && r.InterruptedTurn > 0 {
				if err := call.Done(r.InterruptedTurn); err != nil {
					return err
				}
			}
		case plugin.InputEndedEvent: // of the greeting: nothing to say
			if err := call.Done(e.Turn); err != nil {
				return err
			}
		}
	}
}

// parting prints lines when it has lost its call.
func (b bot) parting() plugin.Plugin {
	return plugin.Plugin{
		Name: "parting", Version: b.Version, Agents: []plugin.Agent{{ID: b.Agent}}, Resume: plugin.ResumeStateless,
		Handler: plugin.CallFunc(func(ctx context.Context, call *plugin.Call) error {
			answer := plugin.HandlerFunc(func(_ context.Context, _ plugin.Turn, reply *plugin.Reply) error {
				return reply.Play(countAudio(0, 1))
			})
			err := answer.ServeCall(ctx, call)
			if !call.Info().Probe {
				fmt.Print(strings.Repeat("It was a pleasure.\n", 3000)) // as much as a pipe holds
				fmt.Println("goodbye from", os.Getpid())
			}
			return err
		}),
	}
}

// crasher counts the entries of a call. An entry says when its process dies.
func (b bot) crasher() plugin.Plugin {
	return plugin.Plugin{
		Name: "crasher", Version: b.Version, Agents: []plugin.Agent{{ID: b.Agent}},
		Resume: plugin.ResumeSaved, Handler: plugin.Turns(b.newCrash),
	}
}

// plan is how an entry is answered, and where the first process dies of it.
type plan struct {
	order string        // s: save, a: audio
	point int           // where it dies: 0 before it counts, 1 behind that, then behind each act
	wait  time.Duration // before it dies, so that what was sent may leave
}

// Orders of a bot that saves before it speaks, and of one that does not.
var orders = []string{"", "sa", "saaa", "s", "ssa", "as"}

// pauses are how long it may wait before it dies.
var pauses = []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 200 * time.Millisecond}

// points is how many points an order has; the last one is when the turn is done.
func points(order string) int { return len(order) + 3 }

// keys is the plan as an entry: order, point, wait.
func (p plan) keys() string {
	for i, order := range orders {
		for j, wait := range pauses {
			if order == p.order && wait == p.wait {
				return fmt.Sprintf("%d%d%d", i, p.point, j)
			}
		}
	}
	panic(fmt.Sprintf("no keys for %+v", p))
}

// survive is an entry of which no process dies, and flood one to which it writes
// without end to its standard output.
const survive, flood = "190", "777"

func planOf(keys string) plan {
	if keys == flood {
		return plan{order: orders[1], point: -1}
	}
	return plan{order: orders[keys[0]-'0'], point: int(keys[1] - '0'), wait: pauses[keys[2]-'0']}
}

// crash is a call of a crasher.
type crash struct {
	bot
	count int
}

func (b bot) newCrash(call *plugin.Call) plugin.HandlerFunc {
	c := &crash{bot: b}
	if r := call.Info().Resumed; r != nil {
		c.count, _ = strconv.Atoi(string(r.State)) // empty before the first entry
	}
	return c.answer
}

// answer says the count after this entry.
func (c *crash) answer(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind != plugin.TurnDTMF {
		return reply.Play(countAudio(c.count, turn.Attempt))
	}
	if turn.DTMF == flood && c.first(turn) {
		prattle(os.Stdout)
	}
	p := planOf(turn.DTMF)
	reached := func(point int) {
		if p.point == point && c.first(turn) {
			time.Sleep(p.wait)
			die()
		}
	}
	reached(0)
	c.count++
	reached(1)
	for i, act := range p.order {
		do := func() error { return reply.SaveState([]byte(strconv.Itoa(c.count))) }
		if act == 'a' {
			do = func() error { return reply.Play(countAudio(c.count, turn.Attempt)) }
		}
		if err := do(); err != nil {
			return err // it was cut
		}
		reached(2 + i)
	}
	if p.point == points(p.order)-1 && c.first(turn) {
		time.AfterFunc(p.wait, die)
	}
	return nil
}

// first tells whether no process has died of the turn.
func (c *crash) first(turn plugin.Turn) bool {
	f, err := os.OpenFile(filepath.Join(c.Died, strings.ReplaceAll(turn.ID, "/", "-")), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it does not return
}

// countLength is how long an answer of the crasher is, in bytes.
const countLength = 320

// countAudio is a count and an attempt as audio. Nobody listens, and mu-law passes as
// it is.
func countAudio(count, attempt int) plugin.Audio {
	text := fmt.Sprintf("%-*s", countLength, fmt.Sprint(count, " ", attempt))
	return plugin.Audio{Data: []byte(text)}
}

// countIn reads what countAudio wrote.
func countIn(audio []byte) (count, attempt int, err error) {
	if len(audio) < countLength {
		return 0, 0, fmt.Errorf("%d bytes are no count", len(audio))
	}
	_, err = fmt.Sscan(string(audio[:countLength]), &count, &attempt)
	return count, attempt, err
}

// startChild starts a process that holds the bot's standard error open.
func (b bot) startChild() {
	child := exec.Command("sleep", "1000")
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		panic(err)
	}
	b.note(child.Process.Pid)
}

// prattle writes without end, at once.
func prattle(to *os.File) {
	text := []byte(strings.Repeat("nobody reads this\n", 4000))
	for {
		if _, err := to.Write(text); err != nil {
			return
		}
	}
}

func hang() { _, _ = io.Copy(io.Discard, os.Stdin) }

// mute is a plugin that does not say what it is.
type mute struct {
	pluginv1.UnimplementedPluginServer
}

func (mute) Describe(ctx context.Context, _ *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func hangInDescribe() {
	go func() { hang(); os.Exit(0) }() // with its host
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(), VersionedPlugins: wire.Plugins(mute{}), GRPCServer: goplugin.DefaultGRPCServer,
	})
}

func (b bot) panicsInProbe() plugin.Plugin {
	return plugin.Plugin{Name: "panics", Agents: []plugin.Agent{{ID: b.Agent}}, Handler: plugin.HandlerFunc(
		func(_ context.Context, turn plugin.Turn, _ *plugin.Reply) error {
			if turn.Call.Info().Probe {
				panic("this is a probe")
			}
			return nil
		})}
}
