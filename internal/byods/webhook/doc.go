// Package webhook hears from Webex that customers authorise the service app and take
// that back: it registers the webhooks and receives what they deliver.
//
// A delivery is checked on its raw bytes, noted in the store, and answered; what
// follows from it is done afterwards, once, also if the process ends in between. What
// takes an authorisation back counts before it is answered.
package webhook
