package config

import (
	"regexp"

	"github.com/hashicorp/go-hclog"
)

var pluginName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// pluginFields are the keys of a plugin.
var pluginFields = []field[Plugin]{
	{"path", bind(path("program", checkProgram), func(p *Plugin) *string { return &p.Path }),
		"The program. It must be executable."},
	{"log", bind(levels, func(p *Plugin) *hclog.Level { return &p.Log }),
		"The least level of the plugin's own log."},
	{"settings", bind(free("anything", true), func(p *Plugin) *map[string]any { return &p.Settings }),
		"What the plugin gets to configure itself; it says what it takes. NAME_file: PATH gives it NAME with what the file holds."},
}
