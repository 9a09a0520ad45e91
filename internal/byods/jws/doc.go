// Package jws verifies the tokens that Webex presents with each RPC: a JWS, signed
// by one of Webex's identity brokers, that names the data source it was made for.
//
// A token counts when everything in it does: algorithm, key, issuer, times, and each
// claim against a data source of the organisation that it names. What cannot be
// verified is refused. No request leaves for an issuer that is not in the list, and
// none for a token that is not from one.
package jws
