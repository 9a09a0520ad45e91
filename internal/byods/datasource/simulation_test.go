package datasource

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/webextest"
)

var (
	simulated = flag.Int("orgs", 1000, "organisations of the simulated week")
	looked    = flag.Duration("every", 6*time.Hour, "how often each is looked at in it with nothing due; a host does it each hour")
)

// TestWeek is a week of many organisations, whose tokens all end several times in it,
// with an hour in which Webex answers nothing.
func TestWeek(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const (
			answered = 20 // requests a second; the client sends 10
			week     = 7 * 24 * time.Hour
		)
		w := newWorld(t, webextest.Config{AccessLifetime: 36 * time.Hour, Rate: answered, OmitKeys: []string{"jwsToken"}}, *simulated)
		h := w.host(want, nil)
		h.every = *looked
		h.run()
		defer h.stop()

		var count tally
		began := time.Now()
		ready := began.Add(time.Duration(*simulated)*300*time.Millisecond + time.Minute) // two requests each, ten a second
		random := rand.New(rand.NewPCG(1, 2))
		shown := 0
		for minute := 0; time.Since(began) < week; minute++ {
			time.Sleep(time.Minute)
			switch minute {
			case 3 * 24 * 60:
				w.webex.Fail(webextest.Fault{Status: http.StatusServiceUnavailable})
			case 3*24*60 + 60:
				w.webex.ClearFaults()
			}
			count.add(w.webex.Requests())
			for range 3 {
				org := w.orgs[random.IntN(len(w.orgs))]
				if time.Now().Before(ready) {
					continue
				}
				shown++
				if err := w.presented(org, h.Store.Peek); err != nil {
					t.Fatalf("after %v, a token for %s is refused: %v", time.Since(began), org, err)
				}
			}
		}
		h.stop()
		count.add(w.webex.Requests())
		for _, org := range w.orgs {
			o := w.record(org)
			if o.Trouble.What != "" {
				t.Errorf("%s is left with the trouble %q", org, o.Trouble.What)
			}
			if left := time.Until(o.Source.Expires); left < 12*time.Hour-time.Hour {
				t.Errorf("%s has a data source that expires in %v", org, left)
			}
		}
		t.Logf("%d organisations in %v: %d requests, answered %v; %v went well", len(w.orgs), week, count.all, count.status, count.by)
		t.Logf("at most %d requests in a second and %d in a minute; %d renewals in a minute; %d tokens presented",
			count.second, count.minute, count.renewals, shown)
		if n := count.status[http.StatusUnauthorized] + count.status[http.StatusTooManyRequests]; n > 0 {
			t.Errorf("%d expired tokens or requests too many: %v", n, count.status)
		}
		if count.second > answered {
			t.Errorf("%d requests in a second", count.second)
		}
		if count.by[http.MethodPost] < 5*len(w.orgs) || count.by[http.MethodPut] < 13*len(w.orgs) {
			t.Errorf("too few tokens or data sources were renewed: %v", count.by)
		}
		if count.renewals > 10+len(w.orgs)/20 {
			t.Errorf("%d data sources were renewed in one minute: they are not spread", count.renewals)
		}
	})
}

// tally counts requests, which it is given minute by minute.
type tally struct {
	all            int
	by             map[string]int
	status         map[int]int
	second, minute int // the most that came in one
	renewals       int // the most in one minute
	recent         []time.Time
}

func (c *tally) add(requests []webextest.Request) {
	if c.by == nil {
		c.by, c.status = map[string]int{}, map[int]int{}
	}
	renewed := 0
	for _, q := range requests {
		c.all++
		if q.Method == http.MethodPut {
			renewed++
		}
		if c.status[q.Status]++; q.Status < 300 {
			c.by[q.Method]++
		}
		c.recent = append(c.recent, q.At)
		for c.recent[0].Before(q.At.Add(-time.Minute)) {
			c.recent = c.recent[1:]
		}
		c.minute = max(c.minute, len(c.recent))
		n := 0
		for i := len(c.recent) - 1; i >= 0 && q.At.Sub(c.recent[i]) < time.Second; i-- {
			n++
		}
		c.second = max(c.second, n)
	}
	c.renewals = max(c.renewals, renewed)
}
