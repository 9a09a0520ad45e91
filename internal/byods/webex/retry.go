package webex

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstWait   = time.Second      // at most, after a failure without Retry-After; doubled each time
	longestWait = 30 * time.Second // that this grows to
	maxWait     = time.Minute      // that Webex may ask for, to have a request wait
	maxHold     = 15 * time.Minute // that Webex may ask for, to have none sent
)

// repeat tries a request until it succeeds, is refused for good, or has been tried
// often enough.
func (c *Client) repeat(ctx context.Context, method, path string, attempt func(context.Context) error) error {
	var last error
	for try := 1; ; try++ {
		held, err := c.admit(ctx)
		switch {
		case err != nil && last != nil:
			return fmt.Errorf("%w (not tried again: %w)", last, err)
		case err != nil:
			return &Error{Method: method, Path: path, RetryAfter: held, Err: fmt.Errorf("nothing was sent: %w", err)}
		}
		last = attempt(ctx)
		failure, ok := errors.AsType[*Error](last)
		if !ok || ctx.Err() != nil {
			return last
		}
		if failure.Status == http.StatusTooManyRequests {
			c.holdOff(failure.RetryAfter)
		}
		wait, again := pause(method, failure, try)
		if !again || try >= c.config.Tries || tooLate(ctx, wait) {
			return last
		}
		c.config.Log.Debug("request is tried again", "method", method, "path", path, "status", failure.Status, "try", try, "wait", wait)
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("%w (not tried again: %w)", last, err)
		}
	}
}

// pause tells whether a request may be sent again, and after what time. One that is
// not idempotent may only if it was certainly not carried out.
func pause(method string, e *Error, try int) (time.Duration, bool) {
	untouched := e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable && e.RetryAfter > 0
	passing := e.Is(ErrUnavailable) && e.Status != http.StatusNotImplemented
	if !untouched && (!passing || !idempotent(method)) || e.RetryAfter > maxWait {
		return 0, false
	}
	// Anything up to the whole wait, so that those who failed together come back apart.
	return e.RetryAfter + rand.N(min(firstWait<<min(try-1, 10), longestWait)), true
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// admit waits until a request may be sent: for the rate, and for what Webex has asked
// meanwhile. Held is what is left of that if nobody can be made to wait for it.
func (c *Client) admit(ctx context.Context) (held time.Duration, err error) {
	for {
		switch wait := c.held(); {
		case wait > maxWait || wait > 0 && tooLate(ctx, wait):
			return wait, fmt.Errorf("wait %v, as Webex has asked: %w", wait.Round(time.Second), ErrRateLimited)
		case wait > 0:
			if err := sleep(ctx, wait); err != nil {
				return 0, err
			}
		}
		if err := c.limiter.Wait(ctx); err != nil {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			return 0, fmt.Errorf("with %v requests a second its turn is too late: %w", c.config.Rate, context.DeadlineExceeded)
		}
		if c.held() <= 0 {
			return 0, nil
		}
	}
}

// held is for how long nothing is to be sent.
func (c *Client) held() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.hold)
}

// holdOff keeps all requests back after one was too many.
func (c *Client) holdOff(wait time.Duration) {
	if wait <= 0 {
		wait = firstWait
	}
	until := time.Now().Add(min(wait, maxHold))
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.hold) {
		c.hold = until
	}
}

// tooLate tells whether ctx ends within a wait.
func tooLate(ctx context.Context, wait time.Duration) bool {
	deadline, bound := ctx.Deadline()
	return bound && time.Until(deadline) < wait
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// longestPause bounds what Retry-After may say.
const longestPause = 365 * 24 * time.Hour

// retryAfter reads the header in seconds or as a date; 0 if it says nothing of use.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestPause)
	}
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return time.Duration(min(seconds, uint64(longestPause/time.Second))) * time.Second
}
