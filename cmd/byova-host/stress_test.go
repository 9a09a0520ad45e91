//go:build unix

package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/byova-host/byova-host/host"
	"github.com/byova-host/byova-host/host/admin"
	"github.com/byova-host/byova-host/host/config"
	"github.com/byova-host/byova-host/host/session"
	"github.com/byova-host/byova-host/internal/logtest"
	mediav1 "github.com/byova-host/byova-host/proto/com/cisco/wcc/ccai/media/v1"
)

var (
	stressFor  = flag.Duration("stress", 8*time.Second, "how long TestStress places calls")
	stressSeed = flag.Uint64("seed", 0, "what TestStress begins its random choices with; 0 takes a new one")
)

const (
	stressLines = 200 // calls at once
	linesPerTCP = 20
	// memoryPerCall bounds what the host and the caller's side in this process take
	// for a call, in bytes.
	memoryPerCall = 1 << 20
)

// inside is a host that runs in this process, for the race detector and the heap.
type inside struct {
	addr, base string
	log        *logtest.Log
	stop       context.CancelFunc
	ended      chan struct{}
	err        error // with which it ended
}

// runInside starts a host in this process with echo and the test bot.
func runInside(t *testing.T, settings session.Settings) *inside {
	t.Helper()
	return runConfigured(t, func(c *config.Config) {
		c.Calls.Settings, c.Shutdown = settings, completeWithin
		c.Limits.CancelGrace, c.Limits.Idle, c.Limits.CustomReturn = time.Second, 5*time.Second, 2*time.Second
		c.Plugins = []config.Plugin{config.DefaultPlugin("echo", echoBinary), config.DefaultPlugin("testbot", testbotBinary)}
	})
}

// runConfigured starts a host in this process.
func runConfigured(t *testing.T, configure func(*config.Config)) *inside {
	t.Helper()
	dir := runtimeDir(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	h := &inside{base: filepath.Join(dir, "byova-host"), log: &logtest.Log{}, stop: cancel, ended: make(chan struct{})}
	lines, out := io.Pipe()
	c := config.Default()
	c.Listen, c.VerifyTokens = "127.0.0.1:0", false
	configure(&c)
	log := hclog.New(&hclog.LoggerOptions{Output: h.log, Level: hclog.Info})
	go func() {
		defer close(h.ended)
		h.err = host.Run(ctx, t.Context(), host.Config{Config: c, Log: log}, out)
		out.CloseWithError(h.err)
	}()
	t.Cleanup(func() {
		h.stop()
		<-h.ended
		if t.Failed() {
			t.Logf("the host's log:\n%s", h.log)
		}
	})
	line, err := bufio.NewReader(lines).ReadString('\n')
	if err != nil {
		t.Fatalf("the host did not start: %v", err)
	}
	h.addr = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return h
}

// calls is how many calls the plugins have.
func (h *inside) calls(t *testing.T) (n int) {
	t.Helper()
	plugins, err := admin.NewClient(admin.DefaultAddress(h.base, 1)).Plugins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		n += p.Sessions
	}
	return n
}

// settle waits until the plugins have no calls: those that vanished are kept until
// what they would hear has been played, and some more. Calls that stay are named.
func (h *inside) settle(t *testing.T) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for h.calls(t) > 0 {
		select {
		case <-tick.C:
		case <-limit:
			t.Errorf("the plugins have %d calls for ever: %v", h.calls(t), h.unended())
			return
		}
	}
}

// unended names the calls whose end is not in the log.
func (h *inside) unended() (ids []string) {
	log := h.log.String()
	for _, began := range regexp.MustCompile(`session started: conversation=(\S+)`).FindAllStringSubmatch(log, -1) {
		if !strings.Contains(log, "session ended: conversation="+began[1]+" ") {
			ids = append(ids, began[1])
		}
	}
	return ids
}

// close stops the host and holds that no call had to be cut.
func (h *inside) close(t *testing.T) {
	t.Helper()
	h.stop()
	<-h.ended
	if h.err != nil {
		t.Errorf("the host ended with %v", h.err)
	}
	log := h.log.String()
	if !strings.Contains(log, "calls_cut=0") {
		t.Error("the host had to cut calls")
	}
	if strings.Contains(log, "DATA RACE") {
		t.Errorf("the race detector found something in a plugin:\n%s", log)
	}
	if ids := h.unended(); len(ids) > 0 {
		t.Errorf("the log does not tell how these calls ended: %v", ids)
	}
}

// hasty are settings with which no call takes long.
func hasty() session.Settings {
	s := session.DefaultSettings()
	s.FillerAfter, s.AnswerWithin, s.AnswerLimit = 500*time.Millisecond, 2*time.Second, 8*time.Second
	return s
}

// TestStress places calls at random on 200 lines. All of them come to an end that
// one can explain, and nothing of them is left.
func TestStress(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -seed %d", seed)
	h := runInside(t, hasty())
	conns := dialHost(t, h.addr, stressLines/linesPerTCP)
	words := readWAV(t, helloFile).Data

	before := heap()
	var sum tally
	ctx, cancel := context.WithTimeout(t.Context(), *stressFor)
	defer cancel()
	var lines sync.WaitGroup
	for i := range stressLines {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		l := &line{ctx: ctx, rng: rng, client: mediav1.NewVoiceVirtualAgentClient(conns[i/linesPerTCP]), words: words, tally: &sum}
		lines.Go(func() { l.run(fmt.Sprint("line", i)) })
	}
	peak := before
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
			peak = max(peak, heap())
		}
	}
	lines.Wait()
	h.settle(t)
	after := heap()
	for _, conn := range conns {
		conn.Close()
	}
	h.close(t)

	for i, wrong := range sum.wrong {
		if i == 20 {
			t.Errorf("... and %d more", len(sum.wrong)-i)
			break
		}
		t.Error(wrong)
	}
	t.Logf("%d calls, %d RPCs, %d answers, %d transfers, %d ended by the bot, %d custom events, %d hang-ups, %d vanished, %d RPCs cancelled, %d interruptions",
		sum.calls.Load(), sum.rpcs.Load(), sum.answers.Load(), sum.transfers.Load(), sum.ends.Load(), sum.customs.Load(),
		sum.hangUps.Load(), sum.vanished.Load(), sum.cancels.Load(), sum.bargeIns.Load())
	t.Logf("heap: %d KiB before, at most %d KiB a call, %d KiB after", before>>10, (peak-before)/stressLines>>10, after>>10)
	if each := (peak - before) / stressLines; each > memoryPerCall {
		t.Errorf("%d KiB of memory a call", each>>10)
	}
	if sum.calls.Load() < stressLines || sum.answers.Load() < sum.calls.Load()/2 {
		t.Error("that was no stress: too few calls or answers")
	}
}

// dialHost makes connections to the host.
func dialHost(t *testing.T, addr string, n int) (conns []*grpc.ClientConn) {
	t.Helper()
	for range n {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	return conns
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools keep goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
