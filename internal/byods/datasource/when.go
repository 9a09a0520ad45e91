package datasource

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	// every is how often a data source is looked at with nothing due. A thousand of
	// them cost Webex one request in three to four seconds.
	every = time.Hour
	// rarely is how long a failure is left alone that only a person can mend.
	rarely = time.Hour
	// Other failures are tried again after a time that doubles from first to longest.
	first, longest = time.Minute, 15 * time.Minute
	// calm is how long after a failure nothing brings the next try forward.
	calm = 15 * time.Second
)

// health is how visits to an organisation have gone.
type health struct {
	failures  int       // since one went well
	alert     alert     // the highest that was raised since then
	notBefore time.Time // nothing brings the next visit forward to before this
}

// alert says how bad a failure is.
type alert int

const (
	failing   alert = iota
	attention       // a person must do something
	nearing         // half of the time that was kept for renewals is over
	expired         // calls are refused
)

// renewAt is when a data source is due: at half of its lifetime, less up to an eighth
// of it, which differs between organisations so that those that began together do not
// go on together. Zero: now.
func (k *Keeper) renewAt(org store.Org) time.Time {
	d := org.Source
	if d == nil || !settled(d) || d.Renewed.IsZero() {
		return time.Time{}
	}
	life := d.Expires.Sub(d.Renewed)
	if life <= 0 { // the clocks differ by more than a lifetime
		return d.Renewed.Add(early(org.ID, k.Spec.Lifetime))
	}
	life = min(life, k.Spec.Lifetime)
	return d.Expires.Add(early(org.ID, life) - life)
}

// early is after how much of a lifetime a data source is renewed: 3/8 to a half.
func early(org webex.OrgID, life time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(org))
	share := float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)
	return life/2 - time.Duration(share*float64(life/8))
}

// nextAt is when an organisation is visited again after all went well.
func (k *Keeper) nextAt(org store.Org) time.Time {
	now := k.now()
	at := earlier(now.Add(jittered(k.every)), k.renewAt(org))
	at = earlier(at, k.App.Org(org.ID).RenewBy(org))
	return later(at, now.Add(k.scaled(first)))
}

// retryAt is when an organisation is visited again after a failure.
func (k *Keeper) retryAt(e *entry, org store.Org, err error) time.Time {
	now := k.now()
	wait := k.scaled(longest)
	if needsPerson(err) {
		wait = k.scaled(rarely)
	}
	if k.alertOf(org, err) >= nearing {
		wait /= 3
	}
	if !needsPerson(err) {
		wait = min(wait, k.scaled(first)<<min(e.failures-1, 10))
	}
	at := now.Add(jittered(wait))
	for _, worse := range k.deadlines(org) {
		if worse.After(now) {
			at = earlier(at, worse)
		}
	}
	e.notBefore = now.Add(k.scaled(calm))
	if refusal, ok := errors.AsType[*webex.Error](err); ok && refusal.RetryAfter > 0 {
		e.notBefore = later(e.notBefore, now.Add(min(refusal.RetryAfter, rarely)+jittered(k.scaled(calm))))
	}
	return later(at, e.notBefore)
}

// deadlines are when a failure that lasts gets worse: it is nearing, and expired.
func (k *Keeper) deadlines(org store.Org) []time.Time {
	if d := org.Source; d != nil && settled(d) {
		return []time.Time{d.Expires.Add(-k.Spec.Lifetime / 4), d.Expires}
	}
	return nil
}

// alertOf is how bad a failure is by now.
func (k *Keeper) alertOf(org store.Org, err error) alert {
	level := failing
	if needsPerson(err) {
		level = attention
	}
	for i, worse := range k.deadlines(org) {
		if !k.now().Before(worse) {
			level = nearing + alert(i)
		}
	}
	return level
}

// scaled shortens a time for data sources that live less than two hours.
func (k *Keeper) scaled(d time.Duration) time.Duration {
	share := min(1, k.Spec.Lifetime.Hours()/2)
	return max(time.Second, time.Duration(share*float64(d)))
}

// jittered is a time, give or take a quarter.
func jittered(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}
