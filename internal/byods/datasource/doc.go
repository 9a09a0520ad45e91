// Package datasource keeps the host's endpoint registered with Webex for each
// organisation: it creates what is missing, mends what differs, and renews each data
// source before its tokens expire.
//
// A [Keeper] visits each organisation about once an hour, and when something is due:
// it renews the service app's token in time, reads the data source, notes what Webex
// has, and replaces it (PUT, with everything and a fresh nonce) if it is not as it
// should be or half of its lifetime has passed. A visit that fails is repeated without
// end, less and less often. An organisation is visited by one keeper at a time, in all
// processes that share a store; one that has not authorised the service app is left
// alone. Who has the configuration of a data source is right: one that somebody
// disables, changes or deletes by hand is as configured again after the next visit.
//
// # Nonces
//
// At no moment a token is refused that Webex may present. Therefore a nonce is stored,
// as accepted, before Webex learns of it, and counts until its tokens have expired. In
// terms of [store.DataSource]:
//
//   - Expires is zero until Webex is known to have one of the nonces. From then on
//     Nonces[0] is the current one, whose tokens expire then; its Until is zero.
//   - Any other nonce whose Until is zero is proposed: Webex may or may not have it.
//     There is one at most. When a PUT fails it stays, the next visit sees which nonce
//     Webex has, and the next PUT sends the same one again. That is so for a refusal
//     too: the client repeats requests, and one whose answer was lost may have been
//     carried out before another was refused.
//   - The others were current once. Until is when their tokens have expired, of which
//     the verifier allows for the skew of clocks; then they are forgotten.
//   - Renewed is zero when it is not known since when the current nonce counts: the
//     next visit renews it.
//
// A data source without an ID was proposed and not seen yet.
//
// URL, schema, audience and subject are what Webex has registered; there is one of
// each. When the configuration changes one, tokens of before count until Webex has
// taken the change, and not after it.
package datasource
