// Package compat holds in tests what docs/compatibility.md promises of the plugin protocol:
// v1_0 has it as it was frozen, and what is there today has all of that. The program bot10
// is a plugin of that time; the tests of cmd/byova-host have the host of today run it.
package compat
