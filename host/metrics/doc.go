// Package metrics counts what becomes of calls and plugins, for Prometheus. It owns
// the names of the numbers, which docs/operating.md lists, and a registry of its own;
// nothing in it is global. A [Metrics] lives as long as its host and has no
// goroutines: what only somebody else knows is asked for when it is read.
package metrics
