// Package config is the configuration of a host: one YAML file, and the
// environment above it. Read finds all that is wrong with both at once, each with
// its place, and gives the settings that the other parts of the host are made
// with.
//
// One table of fields (fields.go, calls.go, plugins.go) says which keys there are,
// what they hold and what they mean. The walk over the file, the variables of the
// environment and docs/configuration.md all follow it.
package config
