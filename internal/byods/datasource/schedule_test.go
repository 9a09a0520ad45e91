package datasource

import (
	"testing"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

func TestSchedule(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newSchedule()
	take := func(want webex.OrgID) *entry {
		t.Helper()
		e, _ := s.take(now)
		if e == nil || e.org != want {
			t.Fatalf("took %+v, want %s", e, want)
		}
		return e
	}
	none := func(wait time.Duration) {
		t.Helper()
		if e, w := s.take(now); e != nil || w != wait {
			t.Fatalf("took %+v, wait %v; want none, and to wait %v", e, w, wait)
		}
	}
	none(-1)
	s.ask("b", now)
	s.ask("a", now.Add(-time.Minute)) // overdue
	for range 1000 {
		s.ask("b", now.Add(time.Second)) // is due already
	}
	a := take("a")
	for range 1000 {
		s.ask("a", now) // during its visit
	}
	b := take("b")
	none(-1)
	s.give(b, now.Add(time.Hour), now)
	none(time.Hour)
	s.give(a, now.Add(time.Hour), now)
	a = take("a") // once more
	none(time.Hour)
	s.ask("a", now)
	s.give(a, time.Time{}, now) // it was forgotten, and asked for: it is seen to
	a = take("a")
	s.give(a, time.Time{}, now)
	if len(s.entries) != 1 {
		t.Errorf("%d are known, want b alone", len(s.entries))
	}
	b.notBefore = now.Add(10 * time.Minute)
	s.ask("b", now)
	none(10 * time.Minute)
	s.askAll(now)
	take("b")
}

// TestSpread has a thousand that began together go on apart.
func TestSpread(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k := New(Config{})
	perMinute := map[int]int{}
	for i := range 1000 {
		org := store.Org{ID: webex.OrgID([]byte{byte(i), byte(i >> 8)}), Source: &store.DataSource{
			Nonces: []store.Nonce{{Value: "n"}}, Renewed: began, Expires: began.Add(24 * time.Hour),
		}}
		after := k.renewAt(org).Sub(began)
		if after < 9*time.Hour || after > 12*time.Hour {
			t.Fatalf("one is renewed after %v", after)
		}
		if !k.renewAt(org).Equal(k.renewAt(org)) {
			t.Fatal("not twice the same")
		}
		perMinute[int(after/time.Minute)]++
	}
	for minute, n := range perMinute {
		if n > 20 {
			t.Errorf("%d in minute %d", n, minute)
		}
	}
}

func TestRenewAt(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	nonces := []store.Nonce{{Value: "n"}}
	for _, c := range []struct {
		name     string
		lifetime time.Duration
		source   *store.DataSource
		min, max time.Duration // after now; both 0: at once
	}{
		{"none", 0, nil, 0, 0},
		{"not confirmed", 0, &store.DataSource{Nonces: nonces}, 0, 0},
		{"since when is not known", 0, &store.DataSource{Nonces: nonces, Expires: now.Add(time.Hour)}, 0, 0},
		{"of a day", 0, &store.DataSource{Nonces: nonces, Renewed: now, Expires: now.Add(24 * time.Hour)}, 9 * time.Hour, 12 * time.Hour},
		{"of a minute", time.Minute, &store.DataSource{Nonces: nonces, Renewed: now, Expires: now.Add(time.Minute)}, 22 * time.Second, 30 * time.Second},
		{"shorter than asked for", 0, &store.DataSource{Nonces: nonces, Renewed: now, Expires: now.Add(time.Hour)}, 22 * time.Minute, 30 * time.Minute},
		{"our clock is ahead by days", 0, &store.DataSource{Nonces: nonces, Renewed: now, Expires: now.Add(-48 * time.Hour)}, 9 * time.Hour, 12 * time.Hour},
		{"our clock is behind by hours", 0, &store.DataSource{Nonces: nonces, Renewed: now, Expires: now.Add(30 * time.Hour)}, 15 * time.Hour, 18 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := New(Config{Spec: Spec{Lifetime: c.lifetime}})
			at := k.renewAt(store.Org{ID: "o", Source: c.source})
			if c.max == 0 {
				if !at.IsZero() {
					t.Errorf("at %v, want at once", at)
				}
				return
			}
			if after := at.Sub(now); after < c.min || after > c.max {
				t.Errorf("after %v, want %v to %v", after, c.min, c.max)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k := New(Config{})
	org := store.Org{ID: "o", State: store.Authorized, Token: &webex.Token{Expires: now}, Trouble: store.Trouble{What: "x"}, Source: &store.DataSource{
		ID: "d", URL: "https://h", Status: "active", Nonces: []store.Nonce{{Value: "n"}}, Renewed: now, Expires: now.Add(24 * time.Hour),
	}}
	got := k.Status(org)
	want := Status{
		Org: "o", State: store.Authorized, DataSource: "d", URL: "https://h", Status: "active", Expires: now.Add(24 * time.Hour),
		Renewal: k.renewAt(org), Token: now, Trouble: org.Trouble,
	}
	if got != want {
		t.Errorf("Status = %+v, want %+v", got, want)
	}
	if none := k.Status(store.Org{ID: "o", State: store.Removed}); none != (Status{Org: "o", State: store.Removed}) {
		t.Errorf("of one that is removed: %+v", none)
	}
}
