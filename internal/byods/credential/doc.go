// Package credential holds the tokens that requests to Webex carry: those of the
// integration, which the developer authorises once in a browser, and those of the
// service app, one pair for each customer's organisation.
//
// Tokens are renewed long before they expire, one renewal at a time for each
// credential, also between processes; a renewal that fails is tried again and again
// while the token that is there still counts.
package credential
