package credential

import (
	"errors"
	"hash/fnv"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
	"github.com/byova-host/byova-host/internal/byods/webex"
)

var (
	// ErrNotLoggedIn is an integration that nobody has authorised, or whose tokens have
	// all expired: byova-host auth login.
	ErrNotLoggedIn = errors.New("the integration is not authorised: run byova-host auth login")
	// ErrOrgNotRegistered is an organisation of which there are no tokens.
	ErrOrgNotRegistered = errors.New("the organisation is not registered")
	// ErrRedirect is a login that the browser's answer refused, or that was not ours.
	ErrRedirect = errors.New("the login was refused")
	// ErrRedirectTimeout is a login that nobody has finished in time.
	ErrRedirectTimeout = errors.New("nobody has finished the login in time")
)

// renewBy is when a token is to be renewed: when 70 % of its life are over, for one of
// 14 days some four days ahead, and up to a tenth earlier, at another moment for each
// credential, so that many do not come at once.
func renewBy(t webex.Token, name string) time.Time {
	life := t.Expires.Sub(t.Obtained)
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	spread := time.Duration(float64(life) / 10 * float64(h.Sum32()) / (1 << 32))
	return t.Obtained.Add(life*7/10 - spread)
}

// The waits between two tries of a renewal that fails.
const (
	firstRetry = time.Minute
	lastRetry  = 15 * time.Minute
)

// retryAfter is when a renewal that has failed since a while may be tried again: after
// half of that while, within bounds. It needs nothing but what is stored, so that
// neither a restart nor another process tries more often.
func retryAfter(t store.Trouble, last time.Time) time.Time {
	return last.Add(min(max(last.Sub(t.Since)/2, firstRetry), lastRetry))
}

// expired tells whether a token does not count any more. Some seconds are for the way.
func expired(t webex.Token) bool { return !time.Now().Add(10 * time.Second).Before(t.Expires) }

// hopeless tells whether a refresh token cannot give anything any more.
func hopeless(t webex.Token) bool {
	return t.Refresh == "" || !t.RefreshExpires.IsZero() && !time.Now().Before(t.RefreshExpires)
}

// refused tells whether Webex has turned a refresh token down, rather than failed.
func refused(err error) bool {
	e, ok := errors.AsType[*webex.Error](err)
	return ok && (e.Status == 400 || e.Status == 401 || e.Status == 403)
}
