package webhook

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/byova-host/byova-host/internal/byods/credential"
	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

const (
	workers    = 4                // organisations that are worked on at a time
	patience   = 10 * time.Minute // after an event in which Webex may not know of it yet everywhere
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
)

// worker does what follows from events. What is to be done stands in the store; it
// holds nothing but which organisations to look at.
type worker struct {
	config ReceiverConfig
	slots  chan struct{} // one for each that works

	mu      sync.Mutex
	waiting map[webex.OrgID]chan struct{} // those that are at work, each with who wakes it
	start   func(webex.OrgID)             // nil: not running
}

func newWorker(c ReceiverConfig) *worker {
	return &worker{config: c, slots: make(chan struct{}, workers), waiting: map[webex.OrgID]chan struct{}{}}
}

// run works until ctx ends, and begins with what an earlier process has left.
func (w *worker) run(ctx context.Context) {
	var working sync.WaitGroup
	w.mu.Lock()
	w.start = func(org webex.OrgID) { working.Go(func() { w.work(ctx, org) }) }
	w.mu.Unlock()
	orgs, err := w.config.Store.Orgs(ctx)
	if err != nil {
		w.config.Log.Error("events that were noted cannot be read", "error", err)
	}
	for _, org := range orgs {
		if o, err := w.config.Store.Org(ctx, org); err == nil && o.Events.Pending != nil {
			w.look(org)
		}
	}
	<-ctx.Done()
	w.mu.Lock()
	w.start = nil
	w.mu.Unlock()
	working.Wait()
}

// look has an organisation worked on. Without run it waits in the store.
func (w *worker) look(org webex.OrgID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.start == nil {
		return
	}
	if wake, at := w.waiting[org]; at {
		select {
		case wake <- struct{}{}:
		default: // it is awake
		}
		return
	}
	w.waiting[org] = make(chan struct{}, 1)
	w.start(org)
}

// work is for one organisation, until nothing is left to do for it.
func (w *worker) work(ctx context.Context, org webex.OrgID) {
	w.mu.Lock()
	wake := w.waiting[org]
	w.mu.Unlock()
	failing := false
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		err := w.once(ctx, org)
		if err == nil && w.leave(org, wake) || ctx.Err() != nil {
			return
		}
		if err == nil {
			retry = firstRetry / 2
			continue
		}
		if !failing { // once, not every time
			failing = true
			w.config.Log.Warn("a webhook event cannot be worked on, and is tried again", "org", org, "error", err)
		}
		select {
		case <-time.After(retry/2 + rand.N(retry/2)):
		case <-wake:
			retry = firstRetry / 2
		case <-ctx.Done():
			return
		}
	}
}

// leave ends the work for an organisation, unless somebody has asked again.
func (w *worker) leave(org webex.OrgID, wake <-chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-wake:
		return false
	default:
		delete(w.waiting, org)
		return true
	}
}

// once works on an organisation's event. Nil says that there is none any more.
func (w *worker) once(ctx context.Context, org webex.OrgID) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	o, err := w.config.Store.Org(ctx, org)
	if err != nil || o.Events.Pending == nil {
		return err
	}
	event := *o.Events.Pending
	if event.Generation != o.Generation {
		return w.done(ctx, org, event, nil)
	}
	err = w.config.App.Org(org).Fetch(ctx, event.Generation)
	gone := errors.Is(err, webex.ErrNotFound) || errors.Is(err, webex.ErrAuthentication) && errors.Is(err, credential.ErrOrgNotRegistered)
	switch {
	case err == nil:
		return w.done(ctx, org, event, nil)
	case event.Event == deauthorized && gone:
		return w.done(ctx, org, event, func(o *store.Org) { o.Forget(store.Deauthorized) })
	case gone && time.Since(event.Received) > patience:
		return w.done(ctx, org, event, func(o *store.Org) { o.Trouble.Note(err, true) })
	}
	return err
}

// done takes an event off, with a change that follows from it. One that has come
// meanwhile stays.
func (w *worker) done(ctx context.Context, org webex.OrgID, event store.Event, change func(*store.Org)) error {
	err := w.config.Store.UpdateOrg(ctx, org, func(o *store.Org) error {
		if o.Events.Pending == nil || *o.Events.Pending != event {
			return errNothing
		}
		if o.Events.Pending = nil; change != nil && o.Generation == event.Generation {
			change(o)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		return err
	}
	w.config.Done(org)
	if errors.Is(err, errNothing) { // there may be another
		w.look(org)
	}
	return nil
}
