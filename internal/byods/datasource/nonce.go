package datasource

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/byova-host/byova-host/internal/byods/store"
)

// newNonce cannot be guessed: 256 bits.
func newNonce() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// settled reports whether Webex is known to have the first nonce.
func settled(d *store.DataSource) bool { return len(d.Nonces) > 0 && !d.Expires.IsZero() }

// proposed gives the nonce of which it is not known whether Webex has it; "" if there
// is none.
func proposed(d *store.DataSource) string {
	for i, n := range d.Nonces {
		if n.Until.IsZero() && (i > 0 || !settled(d)) {
			return n.Value
		}
	}
	return ""
}

// propose gives the nonce that is proposed, and proposes one if there is none.
func propose(d *store.DataSource) string {
	nonce := proposed(d)
	if nonce == "" {
		nonce = newNonce()
		d.Nonces = append(d.Nonces, store.Nonce{Value: nonce})
	}
	return nonce
}

// settle makes the nonce current that Webex has, since a time (zero: not known) and
// until its tokens expire. The one before counts until its own have expired.
func settle(d *store.DataSource, nonce string, since, expires time.Time) {
	if settled(d) && d.Nonces[0].Value == nonce {
		d.Expires = expires
		if !since.IsZero() {
			d.Renewed = since
		}
		return
	}
	if settled(d) {
		d.Nonces[0].Until = d.Expires
	}
	d.Nonces = slices.DeleteFunc(d.Nonces, func(n store.Nonce) bool { return n.Value == nonce })
	d.Nonces = slices.Insert(d.Nonces, 0, store.Nonce{Value: nonce})
	d.Renewed, d.Expires = since, expires
}

// prune forgets nonces whose tokens have expired for every clock.
func prune(d *store.DataSource, now time.Time) {
	const skew = time.Minute // twice what verifiers allow for
	d.Nonces = slices.DeleteFunc(d.Nonces, func(n store.Nonce) bool {
		return !n.Until.IsZero() && n.Until.Add(skew).Before(now)
	})
}

// has reports whether a nonce is one of ours.
func has(d *store.DataSource, nonce string) bool {
	return d != nil && slices.ContainsFunc(d.Nonces, func(n store.Nonce) bool { return n.Value == nonce })
}

// superseded reports whether a nonce was current before the one that is.
func superseded(d *store.DataSource, nonce string) bool {
	return slices.ContainsFunc(d.Nonces, func(n store.Nonce) bool { return n.Value == nonce && !n.Until.IsZero() })
}
