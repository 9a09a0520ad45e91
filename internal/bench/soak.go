//go:build unix

package main

import (
	"errors"
	"fmt"
	"time"
)

const (
	soaking   = 100              // calls at once
	soakRound = 30 * time.Second // then others take their place
	soakFirst = 4                // rounds until memory has found its size
)

// soak has calls come, talk and go for a long time, and fails if what they leave
// behind grows.
func (b *bench) soak(d time.Duration) error {
	if d < (soakFirst+2)*soakRound {
		return fmt.Errorf("-soak %v: want at least %v", d, (soakFirst+2)*soakRound)
	}
	return b.with(func(s []*subject) error {
		var first usages
		began := time.Now()
		fmt.Fprintln(b.results.out, "time      host KiB  plugin KiB  goroutines  p99")
		for round := 1; ; round++ {
			r, err := s[0].realTime(b.ctx, pace{soaking, frame80}, time.Second, soakRound)
			if err != nil {
				return err
			}
			u, err := s[0].used(b.ctx, true)
			if err != nil {
				return err
			}
			fmt.Fprintf(b.results.out, "%-8v  %8d  %10d  %4d, %4d  %v\n", time.Since(began).Round(time.Second),
				u.host.kept()>>10, u.plugin.kept()>>10, u.host.Goroutines, u.plugin.Goroutines, r.quantile(0.99).Round(100*time.Microsecond))
			switch {
			case round == soakFirst:
				first = u
			case round > soakFirst && time.Since(began) >= d:
				return errors.Join(grown("host", first.host, u.host), grown("plugin", first.plugin, u.plugin))
			}
		}
	}, kind{by: byPlugin})
}

// grown says if a process has kept more than a tenth, and more than a megabyte, beyond
// what it had.
func grown(who string, before, after usage) error {
	if more := int64(after.kept()) - int64(before.kept()); more > int64(before.kept()/10) && more > 1<<20 {
		return fmt.Errorf("the %s kept %d KiB, and %d KiB at the end", who, before.kept()>>10, after.kept()>>10)
	}
	if after.Goroutines > before.Goroutines+5 {
		return fmt.Errorf("the %s had %d goroutines, and %d at the end", who, before.Goroutines, after.Goroutines)
	}
	return nil
}
