package datasource

import (
	"context"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	// tick bounds how long a jump of the clock stays unseen, as after a night in which
	// the machine slept: timers run by a clock that stands still then.
	tick = time.Minute
	// jump is more than a clock is corrected by while it is right.
	jump = time.Minute
)

// Run looks after all organisations until ctx ends, and returns when no work is under
// way. No failure ends it. It may run once at a time.
func (k *Keeper) Run(ctx context.Context) {
	k.begin()
	due := make(chan *entry)
	var visits sync.WaitGroup
	defer visits.Wait()
	defer close(due)
	for range k.Workers {
		visits.Go(func() {
			for e := range due {
				k.visit(ctx, e)
			}
		})
	}
	k.dispatch(ctx, due)
}

// begin has all organisations visited, those first that should have been longest ago.
func (k *Keeper) begin() {
	now := k.now()
	for org := range k.Store.All() {
		if org.State == store.Authorized {
			k.schedule.ask(org.ID, earlier(now, k.renewAt(org)))
		}
	}
}

// Look has an organisation looked at soon, as after an event. It does not wait.
func (k *Keeper) Look(org webex.OrgID) { k.schedule.ask(org, k.now()) }

// dispatch hands out who is due.
func (k *Keeper) dispatch(ctx context.Context, due chan<- *entry) {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for ctx.Err() == nil {
		e, wait := k.schedule.take(k.now())
		if e != nil {
			select {
			case due <- e:
			case <-ctx.Done():
				k.schedule.give(e, e.at, k.now())
			}
			continue
		}
		if wait < 0 || wait > tick {
			wait = tick
		}
		timer.Reset(wait)
		k.sleep(ctx, timer)
	}
}

// sleep waits until somebody may be due.
func (k *Keeper) sleep(ctx context.Context, timer *time.Timer) {
	clock, began := k.now(), time.Now()
	select {
	case <-timer.C:
	case <-k.schedule.sooner:
	case <-ctx.Done():
		return
	}
	if off := k.now().Sub(clock) - time.Since(began); off.Abs() > jump {
		k.Log.Warn("the clock has jumped, as after sleep: all data sources are looked at", "by", off.Round(time.Second))
		k.schedule.askAll(k.now())
	}
}

// visit works on one organisation and says when it is due again.
func (k *Keeper) visit(ctx context.Context, e *entry) {
	org, err := k.work(ctx, e.org, (*job).ensure)
	now := k.now()
	switch {
	case ctx.Err() != nil: // what was under way, the next process finds
		k.schedule.give(e, now, now)
	case isIdle(err):
		k.schedule.give(e, time.Time{}, now)
	case err != nil:
		k.report(e, org, err)
		k.schedule.give(e, k.retryAt(e, org, err), now)
	default:
		k.recovered(e)
		k.schedule.give(e, k.nextAt(org), now)
	}
}
