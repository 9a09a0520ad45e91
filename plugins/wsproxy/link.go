package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/byova-host/byova-host/plugins/wsproxy/internal/adapter"
	"github.com/byova-host/byova-host/plugins/wsproxy/internal/socket"
)

// errNotTaking is for a backend that is not there for too long.
var errNotTaking = errors.New("the backend does not take what happens in the call")

const (
	firstPause   = 250 * time.Millisecond // before another try to connect; doubled up to longestPause
	longestPause = 2 * time.Second
	drainTime    = 10 * time.Second // what was received before a backend died may take to play
)

// link is the connection to the backend.
type link struct {
	conn     *socket.Conn
	messages <-chan socket.Message // of conn
	room     <-chan struct{}       // of conn
	ready    bool                  // the backend takes audio
	wasReady bool                  // once in this call, or before in another process

	dialled  chan dialled // of the try under way, or nil
	try      int
	nextTry  time.Time // or zero
	giveUp   time.Time // not to be tried any longer; zero while the backend is there
	readyBy  time.Time // or the connection is of no use
	renewing bool      // a new connection is wanted, in a pause
	reopened time.Time // when the connection was, in mid-call

	failing error // the backend is gone for good; what it said may still play
	failBy  time.Time
}

type dialled struct {
	conn *socket.Conn
	err  error
}

// connect begins to dial.
func (b *bridge) connect(now time.Time) {
	if b.giveUp.IsZero() {
		within := b.settings.ConnectTimeout
		if b.wasReady {
			within = b.settings.ReconnectWithin
		}
		b.giveUp = now.Add(time.Duration(within))
	}
	b.try++
	b.nextTry = time.Time{}
	result := make(chan dialled, 1)
	b.dialled = result
	if conn := b.proxy.spare(); conn != nil {
		result <- dialled{conn: conn}
	} else {
		b.wg.Go(func() {
			ctx, cancel := context.WithTimeout(b.ctx, time.Duration(b.settings.ConnectTimeout))
			defer cancel()
			conn, err := b.proxy.dial(ctx)
			result <- dialled{conn, err}
		})
	}
	b.proxy.replenish()
}

// unwanted closes a connection that was made when the call was over.
func (b *bridge) unwanted() {
	select {
	case d := <-b.dialled:
		if d.conn != nil {
			d.conn.Close(1000, "")
		}
	default:
	}
}

// connected takes the result of dialling.
func (b *bridge) connected(now time.Time, d dialled) {
	b.dialled = nil
	if d.err != nil {
		b.report("wsproxy_connect_errors_total", 1)
		if b.ready { // it was to take the place of one that still serves
			b.try, b.giveUp = 0, time.Time{}
			b.renewAt(now.Add(5 * time.Second))
			b.Note("no new connection; the old one goes on", "error", d.err)
			return
		}
		b.retry(now, d.err, final(d.err))
		return
	}
	if b.conn != nil {
		b.drop("replaced by a new one")
	}
	again := b.wasReady || b.call.Info().Resumed != nil
	b.report("wsproxy_connections_total", 1)
	if b.wasReady {
		b.report("wsproxy_reconnects_total", 1)
	}
	b.conn, b.messages, b.room = d.conn, d.conn.Messages(), d.conn.Room()
	b.ready, b.renewing = false, false
	b.readyBy = now.Add(time.Duration(b.settings.ConnectTimeout))
	b.session.Open(adapter.Opening{Resumed: again, Token: b.Token, Transcript: b.Spoken})
}

// Ready implements adapter.Line.
func (b *bridge) Ready() {
	if b.ready {
		return
	}
	now := time.Now()
	if b.wasReady {
		b.reopened = now
	}
	b.ready, b.wasReady = true, true
	b.try, b.giveUp, b.readyBy, b.failing = 0, time.Time{}, time.Time{}, nil
	if !b.began.IsZero() { // there was nobody to be told of silence before
		b.at = max(b.at, now.Sub(b.began)-lateness/2)
	}
	b.drain()
	b.askAgain()
}

// received takes a message.
func (b *bridge) received(m socket.Message) {
	if err := b.session.Receive(adapter.Message{Binary: m.Binary, Data: m.Data}); err != nil {
		b.Note("a message of the backend was not understood", "bytes", len(m.Data), "error", err)
		b.report("wsproxy_bad_messages_total", 1)
	}
}

// disconnected takes the end of the connection.
func (b *bridge) disconnected(now time.Time) {
	closed := b.conn.Err()
	verdict := b.session.Closed(closed.Code, closed.Reason)
	wasReady := b.ready
	b.detach(closed.Error())
	switch {
	case b.leave != nil: // it has said what it wanted
	case verdict == adapter.Over && wasReady:
		b.backendEnded(closed)
	default:
		b.lost(now, closed, verdict == adapter.Refused)
	}
}

// backendEnded does with the call as the operator wants.
func (b *bridge) backendEnded(closed *socket.CloseError) {
	switch b.settings.OnClose {
	case "end":
		b.End(adapter.Leave{Reason: "the bot has ended the call"})
	case "transfer":
		b.Transfer(adapter.Leave{Reason: "the bot has ended the call"})
	default:
		b.fail(fmt.Errorf("the backend has ended the conversation: %w", closed))
	}
}

// lost tries again, or gives the backend up.
func (b *bridge) lost(now time.Time, why error, final bool) {
	if b.wasReady && !b.traits.Resumes {
		b.fail(fmt.Errorf("the connection to the backend was lost, and its protocol has no way back: %w", why))
		return
	}
	b.retry(now, why, final)
}

// retry dials again after a pause, until the time for it is over.
func (b *bridge) retry(now time.Time, why error, final bool) {
	if final {
		b.fail(why)
		return
	}
	if b.giveUp.IsZero() {
		b.giveUp = now.Add(time.Duration(b.settings.ReconnectWithin))
	}
	pause := min(firstPause<<min(max(0, b.try-1), 8), longestPause)
	if b.wasReady && b.try == 0 {
		pause = 0 // a connection that was good is made again at once
	}
	pause = pause*3/4 + rand.N(pause/2+1)
	b.nextTry = now.Add(pause)
	if b.nextTry.After(b.giveUp) {
		b.fail(fmt.Errorf("the backend cannot be reached, after %d tries: %w", max(1, b.try), why))
	}
}

// keepConnected does what is due with the connection.
func (b *bridge) keepConnected(now time.Time) {
	switch {
	case b.failing != nil:
		if !b.queue.Playing(now) || !now.Before(b.failBy) {
			b.err = b.failing
		}
	case b.conn == nil && b.dialled == nil && !b.nextTry.IsZero() && !now.Before(b.nextTry):
		b.connect(now)
	case b.conn != nil && !b.ready && !b.readyBy.IsZero() && !now.Before(b.readyBy):
		err := fmt.Errorf("the backend did not begin the session within %v", time.Duration(b.settings.ConnectTimeout))
		b.drop(err.Error())
		b.lost(now, err, false)
	case b.renewing && b.ready && b.dialled == nil && b.turn == 0 && !b.queue.Playing(now) && !now.Before(b.nextTry):
		b.connect(now)
	}
}

// Renew implements adapter.Line.
func (b *bridge) Renew() {
	if b.traits.Resumes {
		b.renewAt(time.Time{})
	}
}

func (b *bridge) renewAt(at time.Time) { b.renewing, b.nextTry = true, at }

// Keep implements adapter.Line.
func (b *bridge) Keep(token string) {
	if len(token) > maxToken {
		b.Note("what the backend wants kept is too long, and is not kept", "bytes", len(token), "most", maxToken)
		return
	}
	b.keep(token)
	if b.turn == 0 {
		b.save()
	}
}

// Fail implements adapter.Line.
func (b *bridge) Fail(final bool, err error) {
	b.drop(err.Error())
	b.lost(time.Now(), err, final)
}

// loseSlow gives up a connection whose backend does not read.
func (b *bridge) loseSlow() {
	b.call.Log().Warn("the backend does not take the caller's audio", "waiting_bytes", b.audio*frameBytes, "waiting_ms", b.audio*20)
	b.conn.Abort("the backend does not read")
	b.detach("the backend does not read")
	b.lost(time.Now(), errors.New("the backend does not read"), false)
}

// fail gives the call to the host, once what the backend said before was heard.
func (b *bridge) fail(err error) {
	if b.failing == nil && b.leave == nil {
		b.failing, b.failBy = err, time.Now().Add(drainTime)
	}
}

// drop ends a connection that is still there.
func (b *bridge) drop(why string) {
	if b.conn != nil {
		b.conn.Hang(1000, "")
		b.detach(why)
	}
}

// detach lets go of a connection and says why it ended.
func (b *bridge) detach(why string) {
	conn := b.conn
	stats := conn.Stats()
	b.call.Log().Info("connection ended", "why", why, "adapter", b.settings.Adapter, "backend", socket.Name(b.settings.url),
		"sent", stats.Sent, "received", stats.Received, "sent_bytes", stats.BytesOut, "received_bytes", stats.BytesIn,
		"after", stats.Age.Round(time.Millisecond).String())
	b.conn, b.messages, b.room, b.ready = nil, nil, nil, false
	b.wg.Go(conn.Wait)
}

// hangUp ends the connection in order, when the call is over.
func (b *bridge) hangUp(why string) {
	b.reportDropped()
	if b.conn == nil {
		return
	}
	if why == "" {
		why = "failed"
	}
	if b.ready {
		b.session.HangUp(why)
	}
	b.drop("the call has ended: " + why)
}
