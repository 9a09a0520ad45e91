//go:build unix

package main

import (
	"context"
	"fmt"
	"time"
)

// relay is the audio through host and plugin, against that in the host.
func (b *bench) relay() error {
	kinds := []kind{{by: bare}, {by: inHost}, {by: byPlugin}, {inHost, extras{Detection: true}}, {byPlugin, extras{Detection: true}}}
	return b.with(func(s []*subject) error {
		var all [][]throughput
		err := b.profile(s[1], "relay", 0, 20*time.Second, func() error {
			return b.profile(s[2], "relay", 0, 20*time.Second, func() (err error) {
				all, err = b.inTurns(s, (*subject).saturate)
				return err
			})
		})
		if err != nil {
			return err
		}
		for i, name := range []string{"bare", "in_host", "plugin", "in_host_detection", "plugin_detection"} {
			b.results.add(name+"_frames", median(all[i], rate), "frames/s")
			b.results.add(name+"_cpu", median(all[i], cpu), "us/frame")
		}
		b.results.add("generator_cpu", median(all[2], func(t throughput) float64 { return micros(t.generator) }), "us/frame")
		b.results.ratio("relay_ratio", ratio(all[2], all[1], rate), moreIsBetter, 0.2)
		b.results.ratio("relay_detection_ratio", ratio(all[4], all[3], rate), moreIsBetter, 0.2)
		b.results.ratio("bare_ratio", ratio(all[2], all[0], rate), moreIsBetter, 0.25)
		b.results.ratio("engine_ratio", ratio(all[1], all[0], rate), moreIsBetter, 0.25)
		b.results.add("hop_cpu", median(all[2], cpu)-median(all[1], cpu), "us/frame")
		b.results.ratio("hop_cpu_ratio", (median(all[2], cpu)-median(all[1], cpu))/median(all[0], cpu), lessIsBetter, 0.6)
		b.results.add("detection_cpu", median(all[3], cpu)-median(all[1], cpu), "us/frame")
		for name, t := range map[string][]throughput{"in_host": all[1], "plugin": all[2]} {
			for i, where := range []string{"host", "plugin"} {
				if by := median(t, func(t throughput) float64 { return t.mallocs[i] }); by > 0 {
					b.results.ratio(name+"_allocs_"+where, by, lessIsBetter, 0.2)
					b.results.add(name+"_bytes_"+where, median(t, func(t throughput) float64 { return t.bytes[i] }), "B/frame")
				}
			}
		}
		return nil
	}, kinds...)
}

// extras is what each of the things that can be switched on costs, in frames of audio
// and in whole calls, each against the same without.
func (b *bench) extras() error {
	names := []string{"tls", "tokens", "detection", "metrics"}
	kinds := []kind{{by: byPlugin}, {byPlugin, extras{TLS: true}}, {byPlugin, extras{Tokens: true}}, {byPlugin, extras{Detection: true}}, {byPlugin, extras{Metrics: true}}}
	return b.with(func(s []*subject) error {
		frames, err := b.inTurns(s, (*subject).saturate)
		if err != nil {
			return err
		}
		calls, err := b.inTurns(s, (*subject).churn)
		if err != nil {
			return err
		}
		b.results.add("whole_calls", median(calls[0], rate), "calls/s")
		for i, name := range names {
			b.results.ratio(name+"_frames_ratio", ratio(frames[i+1], frames[0], rate), moreIsBetter, 0.15)
			b.results.ratio(name+"_calls_ratio", ratio(calls[i+1], calls[0], rate), moreIsBetter, 0.2)
		}
		return nil
	}, kinds...)
}

// calls is many calls in real time, through host and plugin and in the host.
func (b *bench) calls() error {
	return b.with(func(s []*subject) error {
		many := b.effort.crowd
		for _, p := range []pace{{many, frame20}, {many / 2, frame20}, {many, frame80}, {many / 2, frame80}} {
			name := fmt.Sprintf("calls%d_%dms", p.calls, p.period().Milliseconds())
			turns, err := b.paced(s, name, p, b.effort.turns, b.effort.paced)
			if err != nil {
				return err
			}
			b.addCalls(name, p, [2]*realTime{together(turns[0]), together(turns[1])})
			b.results.ratio(name+"_p99_ratio", ratio(turns[1], turns[0], p99), lessIsBetter, 1)
		}
		return nil
	}, kind{by: inHost}, kind{by: byPlugin})
}

// paced has calls in real time in the host and through host and plugin, by turns. All
// stay up meanwhile.
func (b *bench) paced(s []*subject, name string, p pace, turns int, d time.Duration) (all [2][]*realTime, err error) {
	fail := func(s *subject, err error) error { return fmt.Errorf("%s, %s: %w", name, s.by, err) }
	ctx, cancel := context.WithTimeout(b.ctx, time.Duration(2*turns)*(d+b.effort.settling)+time.Minute)
	defer cancel()
	var crowds [2]*crowd
	for i, s := range s {
		if crowds[i], err = s.gather(ctx, p); err != nil {
			return all, fail(s, err)
		}
		defer crowds[i].close()
	}
	for turn := range turns {
		for i, s := range s {
			err := b.profile(s, fmt.Sprintf("%s.%d", name, turn+1), b.effort.settling, d, func() error {
				r, err := crowds[i].talk(ctx, b.effort.settling, d, false)
				all[i] = append(all[i], r)
				return err
			})
			if err != nil {
				return all, fail(s, err)
			}
		}
	}
	for i, s := range s {
		if err := crowds[i].disperse(); err != nil {
			return all, fail(s, err)
		}
	}
	return all, nil
}

func (b *bench) addCalls(name string, p pace, both [2]*realTime) {
	for i, by := range []answers{inHost, byPlugin} {
		r, at := both[i], fmt.Sprintf("%s_%s", name, by)
		b.results.add(at+"_p50", millis(r.quantile(0.5)), "ms")
		b.results.add(at+"_p99", millis(r.quantile(0.99)), "ms")
		b.results.add(at+"_max", millis(r.quantile(1)), "ms")
		b.results.add(at+"_cpu", r.perCall(p), "%core/call")
		b.results.add(at+"_late", float64(r.late), "frames")
	}
	b.results.add(name+"_generator", both[1].generator, "cores")
}

// perCall is the CPU of host and plugin for a call, in percent of a core.
func (r *realTime) perCall(p pace) float64 { return r.server / float64(p.calls) * 100 }

// newCalls is calls that begin, greet and end, 300 a second.
func (b *bench) newCalls() error {
	return b.with(func(s []*subject) error {
		var p99 [2]float64
		for i, s := range s {
			a, err := s.newCalls(b.ctx, 300, b.effort.newCalls)
			if err != nil {
				return err
			}
			if a.failed > 0 {
				return fmt.Errorf("%s: %d of %d calls failed, one of them: %w", s.by, a.failed, a.placed, a.err)
			}
			at := fmt.Sprintf("new_calls_%s", s.by)
			p99[i] = millis(a.quantile(0.99))
			b.results.add(at, float64(a.placed), "calls")
			b.results.add(at+"_p50", millis(a.quantile(0.5)), "ms")
			b.results.add(at+"_p99", p99[i], "ms")
		}
		b.results.ratio("new_calls_p99_ratio", p99[1]/p99[0], lessIsBetter, 1)
		return nil
	}, kind{by: inHost}, kind{by: byPlugin})
}

// memory is what a call that talks takes of it: live heap and stacks, as a slope over
// two numbers of calls.
func (b *bench) memory() error {
	few, many := b.effort.crowd/10, b.effort.crowd/2
	return b.with(func(s []*subject) error {
		var at [2]usages
		for i, n := range []int{few, many} {
			c, err := s[0].gather(b.ctx, pace{n, frame20})
			if err != nil {
				return err
			}
			r, err := c.talk(b.ctx, b.effort.settling, b.effort.paced/8, true)
			if err != nil {
				c.close()
				return err
			}
			at[i] = r.after
			if err := c.disperse(); err != nil {
				return err
			}
		}
		slope := func(of func(usages) uint64) float64 {
			return (float64(of(at[1])) - float64(of(at[0]))) / float64(many-few) / 1024
		}
		host, plugin := slope(func(u usages) uint64 { return u.host.kept() }), slope(func(u usages) uint64 { return u.plugin.kept() })
		b.results.add("memory_host", host, "KiB/call")
		b.results.add("memory_plugin", plugin, "KiB/call")
		b.results.ratio("memory_of_64KiB", (host+plugin)/64, lessIsBetter, 0.2)
		b.results.add("heap_goal_host", float64(at[1].host.Heap)/(1<<20), "MiB")
		b.results.add("heap_goal_plugin", float64(at[1].plugin.Heap)/(1<<20), "MiB")
		return nil
	}, kind{by: byPlugin})
}

// failures is what many calls notice of a plugin that is swapped, and of one that dies.
func (b *bench) failures() error {
	return b.with(func(s []*subject) error {
		calls := b.effort.crowd / 2
		for _, act := range []string{"swap", "kill"} {
			e, err := s[0].endure(b.ctx, pace{calls, frame20}, act, b.effort.settling+time.Second)
			if err != nil {
				return err
			}
			b.results.add(fmt.Sprintf("%s%d_pause", act, calls), millis(e.pause), "ms")
			if act == "kill" { // after a swap there is nothing to recover from
				b.results.add(fmt.Sprintf("%s%d_recovery", act, calls), millis(e.recovery), "ms")
			}
			if e.silent > 0 {
				return fmt.Errorf("%s: %d calls had no audio any more", act, e.silent)
			}
		}
		return nil
	}, kind{by: byPlugin})
}
