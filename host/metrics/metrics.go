package metrics

import (
	"net/http"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers of a host. All methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry
	calls    calls
	swaps    *prometheus.CounterVec
	crashes  *prometheus.CounterVec
	refused  *prometheus.CounterVec

	mu     sync.Mutex
	agents map[string]bool // that have a label of their own
	names  map[string]bool // of the numbers of bots that have
}

// New makes the numbers of a host with the plugins and data sources that the funcs
// list. Nil lists none.
func New(live func() []Plugin, registered func() []DataSource) *Metrics {
	if registered == nil {
		registered = func() []DataSource { return nil }
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), agents: map[string]bool{}, names: map[string]bool{}, calls: newCalls(),
		swaps:   counter("plugin_swaps_total", "Swaps, promotions, rollbacks and restarts: done, failed, or rolled_back for canaries given up by the host itself.", "plugin", "outcome"),
		crashes: counter("plugin_crashes_total", "Processes of a plugin that ended unasked.", "plugin"),
		refused: counter("tokens_refused_total", "RPCs that were refused for their token.", "category"),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.calls.active, m.calls.begun, m.calls.ended, m.calls.turns, m.calls.firstAudio, m.calls.fallbacks, m.calls.pause,
		m.calls.bots, m.calls.botSeconds, m.calls.late, m.calls.unplayed, m.calls.unheard, m.swaps, m.crashes, m.refused, plugins{live, m.swaps, m.crashes}, dataSources{registered})
	return m
}

// Handler serves the numbers.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// maxAgents and maxNames bound the labels: plugins may offer agents, and bots count
// things, without number. Those beyond it share one.
const (
	maxAgents = 200
	maxNames  = 50
	others    = "(others)"
)

// agent is the label of a virtual agent.
func (m *Metrics) agent(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.agents[id] {
		if len(m.agents) >= maxAgents {
			return others
		}
		m.agents[id] = true
		m.calls.begin(valid(id))
	}
	return valid(id)
}

// name is the label of a number of a bot's own.
func (m *Metrics) name(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[name] {
		if len(m.names) >= maxNames {
			return others
		}
		m.names[name] = true
	}
	return name
}

// valid is a label as Prometheus takes it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

const namespace = "byova"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}
