package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/pluginwire/wire"
)

const (
	frameBytes = 160 // 20 ms
	calls      = 64
	window     = 8 // frames under way in each call
)

func main() {
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		servePlugin()
		return
	}
	rounds := flag.Int("rounds", 4, "how often the three are measured in turn")
	each := flag.Duration("each", 2*time.Second, "how long each measurement takes")
	flag.Parse()
	if err := run(context.Background(), *rounds, *each); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// variant is one of the servers that are compared.
type variant struct {
	name   string
	addr   string
	stop   func()
	frames []float64 // a second, one figure for each round
}

func run(ctx context.Context, rounds int, each time.Duration) (err error) {
	var variants []*variant
	defer func() {
		for _, v := range slices.Backward(variants) {
			v.stop()
		}
	}()
	for _, start := range []func(context.Context) (*variant, error){startBare, startInHost, startPlugin} {
		v, err := start(ctx)
		if err != nil {
			return err
		}
		variants = append(variants, v)
	}
	for range rounds {
		for _, v := range variants {
			rate, err := measure(ctx, v.addr, each)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			v.frames = append(v.frames, rate)
		}
	}
	report(variants)
	return nil
}

// report prints the median of each variant and the median of the ratios of
// measurements that were neighbours in time.
func report(variants []*variant) {
	for _, v := range variants {
		fmt.Printf("RESULT %s_frames %.0f frames/s\n", v.name, median(v.frames))
	}
	ratio := func(name string, a, b *variant) {
		ratios := make([]float64, len(a.frames))
		for i := range ratios {
			ratios[i] = a.frames[i] / b.frames[i]
		}
		fmt.Printf("RESULT %s %.2f x\n", name, median(ratios))
	}
	bare, inHost, relay := variants[0], variants[1], variants[2]
	ratio("relay_ratio", relay, inHost)
	ratio("engine_ratio", inHost, bare)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
