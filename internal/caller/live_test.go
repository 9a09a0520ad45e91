package caller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLive: a call whose steps come while it is up is silent until they do, and ends when
// no more come.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{timers: config(20, 3000, 5000)}
		steps, done := make(chan Step), make(chan *Result)
		go func() {
			r, err := Run(t.Context(), Options{Addr: "passthrough:///server", Dial: dial(t, s), Live: steps, Limit: time.Hour})
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		began := time.Now()
		time.Sleep(10 * time.Second) // of which the server has most reported as no input
		heard := make(chan time.Duration)
		steps <- WaitAnswer()
		steps <- WaitNoInput()
		steps <- WaitAnswer()
		steps <- Press("5")
		steps <- WaitAnswer()
		go func() { steps <- Do(func() { heard <- time.Since(began) }) }()
		if at := <-heard; at < 10*time.Second {
			t.Errorf("the steps are done after %v", at)
		}
		close(steps)
		r := <-done
		if !r.OK() {
			t.Errorf("failure %v, unmet %v, verdict %+v", r.Failure, r.Unmet, r.Verdict.With(Broken))
		}
		var pressed, silences int
		for _, e := range r.Entries {
			switch {
			case e.Kind == KeyPressed:
				pressed++
			case e.Kind == SentEvent && e.Event == "NO_INPUT":
				silences++
			}
		}
		if pressed != 1 || silences == 0 {
			t.Errorf("%d keys, %d silences", pressed, silences)
		}
	})
}
