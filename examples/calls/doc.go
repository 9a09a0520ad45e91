// Package calls holds the call scripts that "byova-host call --all" runs. Each
// plays one course of a call between Webex and a virtual agent; docs/calling.md
// says what stands in them and how to write others.
package calls

import "embed"

// Files has the scripts, NN-name.yaml.
//
//go:embed *.yaml
var Files embed.FS
