package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"

	"github.com/byova-host/byova-host/sdk/plugin"
)

// How much the agents take and write; tests of theirs take less.
var (
	leakBytes  = 512 << 20
	floodBytes = 64 << 20
)

// panicsInProbe does not get through a trial.
func panicsInProbe(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Call.Info().Probe {
		panic("testbot: this is a probe call")
	}
	return reply.Play(tone(short))
}

// hang does not see its context end.
func hang(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if done, err := usual(turn, reply); done {
		return err
	}
	select {}
}

// sigstop leaves the process alive, and deaf.
func sigstop(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.DTMF == "5" {
		if err := stopProcess(); err != nil {
			return err
		}
	}
	return reply.Play(tone(short))
}

var leaked struct {
	sync.Mutex
	blocks [][]byte
}

// leak takes memory, page by page so that it is really taken.
func leak(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	if turn.Kind == plugin.TurnDTMF {
		block := make([]byte, leakBytes)
		for i := 0; i < len(block); i += 4 << 10 {
			block[i] = 1
		}
		leaked.Lock()
		leaked.blocks = append(leaked.blocks, block)
		leaked.Unlock()
	}
	return reply.Play(tone(short))
}

func floodStderr(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	return floodOutput(turn, reply, os.Stderr)
}

func floodStdout(_ context.Context, turn plugin.Turn, reply *plugin.Reply) error {
	return floodOutput(turn, reply, os.Stdout)
}

// floodOutput writes short lines and one that is half a MiB long, over and over.
func floodOutput(turn plugin.Turn, reply *plugin.Reply, out *os.File) error {
	if turn.Kind == plugin.TurnDTMF {
		const half = 512 << 10
		text := slices.Concat(bytes.Repeat([]byte("nobody reads this\n"), half/18), bytes.Repeat([]byte("x"), half), []byte("\n"))
		for written := 0; written < floodBytes; written += len(text) {
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
	}
	return reply.Play(tone(short))
}
