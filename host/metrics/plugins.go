package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Plugin is a generation of a plugin, as it is when the numbers are read.
type Plugin struct {
	Name                 string
	Generation, Sessions int
	Broken               bool // it ended too often and is not started again
}

// SwapDone counts what was to change which process takes a plugin's calls; if not ok,
// the plugin is as it was.
func (m *Metrics) SwapDone(plugin string, ok bool) {
	m.swaps.WithLabelValues(valid(plugin), map[bool]string{true: "done", false: "failed"}[ok]).Inc()
}

// RolledBack counts a canary that was given up without anybody asking.
func (m *Metrics) RolledBack(plugin string) {
	m.swaps.WithLabelValues(valid(plugin), "rolled_back").Inc()
}

// Crashed counts a process that ended unasked.
func (m *Metrics) Crashed(plugin string) { m.crashes.WithLabelValues(valid(plugin)).Inc() }

// plugins is what is live when the numbers are read.
type plugins struct {
	live           func() []Plugin
	swaps, crashes *prometheus.CounterVec // of each plugin, to begin at zero
}

var (
	sessions = prometheus.NewDesc(namespace+"_plugin_sessions", "Calls at a generation of a plugin.", []string{"plugin", "generation"}, nil)
	breaker  = prometheus.NewDesc(namespace+"_plugin_breaker_open", "1 for a plugin that ended too often and is not started again.", []string{"plugin"}, nil)
)

func (p plugins) Describe(out chan<- *prometheus.Desc) { out <- sessions; out <- breaker }

func (p plugins) Collect(out chan<- prometheus.Metric) {
	type generation struct{ plugin, number string }
	at, broken := map[generation]float64{}, map[string]float64{} // one number for each label, or nothing can be read
	for _, g := range p.live() {
		name := valid(g.Name)
		at[generation{name, strconv.Itoa(g.Generation)}] += float64(g.Sessions)
		if broken[name] += 0; g.Broken {
			broken[name] = 1
		}
	}
	for g, n := range at {
		out <- prometheus.MustNewConstMetric(sessions, prometheus.GaugeValue, n, g.plugin, g.number)
	}
	for name, open := range broken {
		p.crashes.WithLabelValues(name)
		for _, outcome := range []string{"done", "failed", "rolled_back"} {
			p.swaps.WithLabelValues(name, outcome)
		}
		out <- prometheus.MustNewConstMetric(breaker, prometheus.GaugeValue, open, name)
	}
}
