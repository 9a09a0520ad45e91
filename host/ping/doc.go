// Package ping answers the ping over HTTP by which Webex, or a load balancer, sees
// whether a service is online. It owns the answer and the server; it has no state
// but whether the host drains.
package ping
