package metrics

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/byova-host/byova-host/host/session"
)

// calls are the numbers that sessions report.
type calls struct {
	active                         *prometheus.GaugeVec
	begun, ended, turns, fallbacks *prometheus.CounterVec
	firstAudio, pause              *prometheus.HistogramVec
	late, unplayed, unheard        *prometheus.CounterVec
	bots                           *prometheus.CounterVec
	botSeconds                     *prometheus.HistogramVec
}

func newCalls() calls {
	return calls{
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "calls_active", Help: "Calls that are up."}, []string{"agent"}),
		begun:  counter("calls_begun_total", "Calls that have begun.", "agent"),
		ended:  counter("calls_ended_total", "Calls that have ended, by what ended them.", "agent", "reason"),
		turns:  counter("turns_total", "Turns that have ended, by how: answered, interrupted or failed.", "agent", "end"),
		firstAudio: histogram("first_audio_seconds", "From the end of the caller's input to the first of the answer's audio that Webex got.",
			[]float64{.05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 10, 30}, "agent"),
		fallbacks: counter("fallbacks_total", "Calls that the fallback took.", "agent", "reason"),
		pause: histogram("resume_pause_seconds", "Of calls that went on in another process: from the loss of the first to the first event for the second.",
			[]float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2, 3, 5, 10}, "cause"),
		late:     counter("bot_commands_late_total", "Commands of bots that came after their turn and were dropped.", "agent"),
		unplayed: counter("bot_audio_unplayed_bytes_total", "Audio of bots that nobody heard.", "agent"),
		bots:     counter("bot_total", "What bots count themselves, by its name there.", "agent", "name"),
		botSeconds: histogram("bot_seconds", "Times that bots measure themselves, by their name there.",
			[]float64{.01, .025, .05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 10, 30}, "agent", "name"),
		unheard: counter("caller_audio_unheard_bytes_total", "Audio of callers that the plugin did not take in time.", "agent"),
	}
}

// begin has what an operator wants to be warned of begin at zero: a rise is only seen
// in a number that was there before.
func (c calls) begin(agent string) {
	for _, end := range turnEnds {
		c.turns.WithLabelValues(agent, end)
	}
	for reason := session.EndedByCaller; reason <= session.EndedShutdown; reason++ {
		c.ended.WithLabelValues(agent, reason.String())
	}
	for _, reason := range []string{"bot failed", "call too long"} { // as the flow is told
		c.fallbacks.WithLabelValues(agent, reason)
	}
}

// CallBegan implements session.Observer, as do the methods below.
func (m *Metrics) CallBegan(agent string) {
	agent = m.agent(agent)
	m.calls.active.WithLabelValues(agent).Inc()
	m.calls.begun.WithLabelValues(agent).Inc()
}

// CallEnded counts a call and what was lost in it.
func (m *Metrics) CallEnded(agent string, end session.CallEnd) {
	agent = m.agent(agent)
	m.calls.active.WithLabelValues(agent).Dec()
	m.calls.ended.WithLabelValues(agent, end.Reason.String()).Inc()
	m.calls.late.WithLabelValues(agent).Add(float64(end.LateCommands))
	m.calls.unplayed.WithLabelValues(agent).Add(float64(end.Unplayed))
	m.calls.unheard.WithLabelValues(agent).Add(float64(end.Unheard))
}

// TurnEnded counts a turn and how soon it was answered.
func (m *Metrics) TurnEnded(agent string, how session.TurnEnd, firstAudio time.Duration) {
	agent = m.agent(agent)
	m.calls.turns.WithLabelValues(agent, turnEnds[how]).Inc()
	if firstAudio >= 0 {
		m.calls.firstAudio.WithLabelValues(agent).Observe(firstAudio.Seconds())
	}
}

var turnEnds = map[session.TurnEnd]string{
	session.Answered: "answered", session.Interrupted: "interrupted", session.Failed: "failed",
}

// Measured counts what a bot says of itself.
func (m *Metrics) Measured(agent string, values map[string]float64) {
	agent = m.agent(agent)
	for name, value := range values {
		total, isTotal := strings.CutSuffix(name, "_total")
		seconds := strings.TrimSuffix(name, "_seconds")
		switch {
		case math.IsNaN(value) || math.IsInf(value, 0) || value < 0: // it would spoil the sum for good
		case isTotal:
			m.calls.bots.WithLabelValues(agent, m.name(total)).Add(value)
		default:
			m.calls.botSeconds.WithLabelValues(agent, m.name(seconds)).Observe(value)
		}
	}
}

// FellBack counts a call that its bot could not go on with.
func (m *Metrics) FellBack(agent, reason string) {
	m.calls.fallbacks.WithLabelValues(m.agent(agent), reason).Inc()
}

// Resumed counts a call that came to another process, and the pause in it.
func (m *Metrics) Resumed(_ string, cause session.ResumeCause, pause time.Duration) {
	m.calls.pause.WithLabelValues(resumeCauses[cause]).Observe(pause.Seconds())
}

var resumeCauses = map[session.ResumeCause]string{
	session.ByTakeover: "move", session.ByCrash: "crash", session.ByUnknownCall: "unknown_call",
}
