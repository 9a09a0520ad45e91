//go:build unix

package supervisor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/audio"
	sdk "github.com/byova-host/byova-host/sdk/plugin"
)

// aWhile is more than a process takes to die of what it has just been told.
const aWhile = 200 * time.Millisecond

// servePoison is a bot whose calls can kill it before there is anything to answer.
func servePoison() {
	sdk.Plugin{
		Name: "poison", Version: "1", Agents: []sdk.Agent{{ID: "a", Name: "a"}}, Resume: sdk.ResumeStateless,
		Audio: sdk.AudioAll, Handler: sdk.CallFunc(func(ctx context.Context, call *sdk.Call) error {
			info := call.Info()
			for {
				event, err := call.Next(ctx)
				if err != nil {
					return err
				}
				switch e := event.(type) {
				case sdk.SessionStartEvent:
					if info.VendorConfig == "start" || strings.HasPrefix(info.VendorConfig, "resume") && info.Resumed != nil {
						die()
					}
				case sdk.TurnStartedEvent:
					if info.VendorConfig == "speech" && e.Kind == sdk.TurnSpeech {
						die()
					}
				case sdk.InputEndedEvent:
					if info.VendorConfig == "slow" && e.Turn > 1 {
						time.Sleep(aWhile)
					}
					if err := call.Done(e.Turn); err != nil {
						return err
					}
				}
			}
		}),
	}.Serve()
}

// die ends the process at once; with the race detector os.Exit takes its time.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// person is somebody who calls, with a real session.
type person struct {
	t        *testing.T
	sessions *session.Sessions
	key      session.Key
}

// rpc places one RPC and returns how it ended. Its end is the host's matter, unless
// it is half-closed.
func (p *person) rpc(halfClose bool, requests ...session.Request) (last session.Response) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for i := range requests {
		requests[i].Key, requests[i].Agent = p.key, "a"
	}
	rpc, err := p.sessions.Join(ctx, p.sessions.Begin(), &requests[0])
	if err != nil {
		p.t.Errorf("%s: %v", p.key.Conversation, err)
		return last
	}
	for i := range requests[1:] {
		if err := rpc.Receive(ctx, &requests[i+1]); err != nil {
			p.t.Errorf("%s: %v", p.key.Conversation, err)
		}
	}
	if halfClose {
		rpc.HalfClose()
	}
	for r := range rpc.Responses(ctx) {
		last = r
	}
	return last
}

// A call that kills its process before anything is to be answered is found out as
// well, and takes no other along.
func TestPoisonWithoutATurn(t *testing.T) {
	six, err := os.ReadFile("../../internal/audio/testdata/speech/kal16-six.wav")
	if err != nil {
		t.Fatal(err)
	}
	wav, err := audio.ParseWAV(six)
	if err != nil {
		t.Fatal(err)
	}
	said, err := wav.MuLaw8k()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"start", "speech", "resume", "resume later"} {
		t.Run(how, func(t *testing.T) {
			h := newHost(t)
			path := filepath.Join(t.TempDir(), "poison")
			if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nexec '%s' poison\n", os.Args[0]), 0o700); err != nil {
				t.Fatal(err)
			}
			h.start(h.config(Plugin{Name: "p", Path: path}))
			settings := session.DefaultSettings()
			settings.FillerAfter, settings.Fallback.Prompt = 0, nil
			sessions := session.New(h.Supervisor, session.Config{
				Log: hclog.New(&hclog.LoggerOptions{Output: h.log}), Calls: &settings,
			})
			defer sessions.Stop()
			call := func(name string) *person { return &person{t, sessions, session.Key{Org: "o", Conversation: name}} }
			var others []*person
			for n := range 20 {
				p := call(fmt.Sprint("other ", n))
				others = append(others, p)
				if last := p.rpc(true, session.Request{Kind: session.SessionStart}); last.Event != session.NoEvent || last.Type != session.Final {
					t.Errorf("%s is greeted with %+v", p.key.Conversation, last)
				}
			}
			slow := call("slow")
			slow.rpc(true, session.Request{Kind: session.SessionStart, VendorConfig: "slow"})
			time.Sleep(aWhile) // they have been up for it
			answered := make(chan session.Response, 1)
			go func() { answered <- slow.rpc(true, session.Request{Kind: session.DTMF, Digits: "1"}) }()
			time.Sleep(aWhile / 4)
			poison := call("poison")
			last := poison.rpc(how != "start", session.Request{Kind: session.SessionStart, VendorConfig: how})
			switch how {
			case "resume later":
				time.Sleep(aWhile) // nothing tells it from the others
				fallthrough
			case "resume":
				h.kill(1)
				h.await("it is found out", func() bool { return h.log.Count("the fallback takes the call") > 0 })
				last = poison.rpc(true, session.Request{Kind: session.DTMF, Digits: "1"})
			case "speech":
				last = poison.rpc(false, session.Request{Kind: session.Audio, Audio: said[:len(said)/2]})
			}
			if last.Event != session.TransferToAgent {
				t.Errorf("the poison got %+v", last)
			}
			if last := <-answered; last.Event != session.NoEvent || last.Type != session.Final {
				t.Errorf("who waited for an answer got %+v", last)
			}
			began := time.Now()
			for _, p := range others {
				if last := p.rpc(true, session.Request{Kind: session.DTMF, Digits: "1"}); last.Event != session.NoEvent || last.Type != session.Final {
					t.Errorf("%s is answered with %+v", p.key.Conversation, last)
				}
			}
			t.Logf("answered within %v after %d starts", time.Since(began), h.Status()[0].Restarts)
			if n := h.log.Count("the fallback takes the call"); n != 1 {
				t.Errorf("%d calls got the fallback", n)
			}
		})
	}
}
