// Package webex speaks to Webex's REST API as far as bringing one's own data source
// needs it: OAuth tokens, tokens of a service app for a customer's organisation,
// webhooks, data sources and their schemas.
//
// A [Client] has no state but its limits: whose token a request carries is up to
// the [TokenSource] that it is given. Requests are bounded in time, number and rate;
// what Webex refuses comes back as an [*Error], which errors.Is finds by its kind.
// The shapes follow Webex's OpenAPI documents (github.com/webex/webex-openapi-specs,
// webex-admin.json and webex-messaging.json) and its samples for providers
// (github.com/CiscoDevNet/webex-contact-center-provider-sample-code).
package webex
