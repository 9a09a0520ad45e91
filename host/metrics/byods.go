package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DataSource is one of an organisation, as it is when the numbers are read.
type DataSource struct {
	Org     string
	Expires time.Time // of the tokens that Webex presents; zero: there are none yet
	Trouble bool      // something does not get on, and is tried again
}

// TokenRefused counts an RPC whose token did not count, by why.
func (m *Metrics) TokenRefused(category string) { m.refused.WithLabelValues(valid(category)).Inc() }

// dataSources is what is registered when the numbers are read.
type dataSources struct{ live func() []DataSource }

var (
	expiry = prometheus.NewDesc(namespace+"_data_source_expiry_timestamp_seconds",
		"When the tokens of an organisation's data source expire, in seconds since 1970.", []string{"org"}, nil)
	trouble = prometheus.NewDesc(namespace+"_org_trouble", "1 for an organisation whose tokens or data source cannot be looked after.", []string{"org"}, nil)
)

func (d dataSources) Describe(out chan<- *prometheus.Desc) { out <- expiry; out <- trouble }

func (d dataSources) Collect(out chan<- prometheus.Metric) {
	for _, s := range d.live() {
		if !s.Expires.IsZero() {
			out <- prometheus.MustNewConstMetric(expiry, prometheus.GaugeValue, float64(s.Expires.Unix()), s.Org)
		}
		failing := 0.0
		if s.Trouble {
			failing = 1
		}
		out <- prometheus.MustNewConstMetric(trouble, prometheus.GaugeValue, failing, s.Org)
	}
}
