//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// write puts the figures, and the plot of how they grow, into a directory.
func (b *bench) write(dir string) error {
	var t strings.Builder
	fmt.Fprintf(&t, "# Figures of one run\n\nWritten by `make performance`; see [the page about it](README.md).\n%s, %d cores, generator on the same ones.\n\n", runtime.Version(), runtime.NumCPU())
	t.WriteString("| figure | value | unit |\n|---|---:|---|\n")
	for _, r := range b.results.all {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", r.name, figure(r.value), r.unit)
	}
	t.WriteString("\n## Growth\n\n20 ms frames both ways; *in host* and *plugin* as in the page.\n\n")
	t.WriteString("| calls | CPU a call, in host | plugin | p50, in host | plugin | p99, in host | plugin | kept up | memory | generator |\n|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|\n")
	for _, r := range b.rows {
		kept := "yes"
		if !r.both[1].keptUp() {
			kept = "no"
		}
		fmt.Fprintf(&t, "| %d | %.3f %% | %.3f %% | %.1f ms | %.1f ms | %.1f ms | %.1f ms | %s | %.0f MiB | %.2f cores |\n", r.calls,
			r.cpu(0), r.cpu(1), millis(r.both[0].quantile(0.5)), millis(r.both[1].quantile(0.5)), r.p99(0), r.p99(1), kept, r.memory, r.both[1].generator)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "figures.md"), []byte(t.String()), 0o644),         //nolint:gosec // to be read by all
		os.WriteFile(filepath.Join(dir, "growth.svg"), []byte(plotGrowth(b.rows)), 0o644), //nolint:gosec // likewise
	)
}

func (r row) cpu(by int) float64 { return r.both[by].perCall(pace{calls: r.calls}) }
func (r row) p99(by int) float64 { return millis(r.both[by].quantile(0.99)) }

// curve is a line of a plot.
type curve struct {
	color string
	value func(row) float64
}

const (
	inHostColor = "#4477aa"
	pluginColor = "#cc6644"
	plotWidth   = 560.0
	plotHeight  = 150.0
	plotLeft    = 60.0
	plotStep    = 200.0 // from one plot to the next
)

// plotGrowth draws the rows as SVG: three plots above one axis of calls.
func plotGrowth(rows []row) string {
	both := func(value func(row, int) float64) []curve {
		return []curve{
			{inHostColor, func(r row) float64 { return value(r, 0) }},
			{pluginColor, func(r row) float64 { return value(r, 1) }},
		}
	}
	plots := []struct {
		title  string
		curves []curve
	}{
		{"CPU of host and plugin for a call, % of a core", both(row.cpu)},
		{"round trip p99, ms", both(row.p99)},
		{"live heap and stacks of host and plugin, MiB", []curve{{pluginColor, func(r row) float64 { return r.memory }}}},
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", plotWidth+plotLeft+20, plotStep*float64(len(plots))+50)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	for i, p := range plots {
		drawPlot(&s, rows, 30+plotStep*float64(i), p.title, p.curves)
	}
	fmt.Fprintf(&s, `<text x="%g" y="%g">calls at once: <tspan fill="%s">in the host</tspan>, <tspan fill="%s">through a plugin</tspan></text>`+"\n</svg>\n",
		plotLeft, plotStep*float64(len(plots))+40, inHostColor, pluginColor)
	return s.String()
}

func drawPlot(s *strings.Builder, rows []row, top float64, title string, curves []curve) {
	most, last := 0.0, 1
	for _, r := range rows {
		last = max(last, r.calls)
		for _, c := range curves {
			most = max(most, c.value(r))
		}
	}
	most = max(most*1.1, 1e-9)
	x := func(r row) float64 { return plotLeft + plotWidth*float64(r.calls)/float64(last) }
	y := func(v float64) float64 { return top + plotHeight*(1-v/most) }
	fmt.Fprintf(s, `<text x="%g" y="%g">%s</text>`+"\n", plotLeft, top-8, title)
	for _, part := range []float64{0, 0.5, 1} {
		v := most * part
		fmt.Fprintf(s, `<path d="M%g %.1fh%g" stroke="#ccc"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft, y(v), plotWidth, plotLeft-6, y(v)+4, figure(v))
	}
	for _, r := range rows {
		fmt.Fprintf(s, `<text x="%.1f" y="%g" text-anchor="middle" font-size="10">%d</text>`+"\n", x(r), top+plotHeight+14, r.calls)
	}
	for _, c := range curves {
		var points []string
		for _, r := range rows {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(r), y(c.value(r))))
			fmt.Fprintf(s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(r), y(c.value(r)), c.color)
		}
		fmt.Fprintf(s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), c.color)
	}
}
