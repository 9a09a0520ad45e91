package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// atStart are the keys and sections that count only when a host starts.
var atStart = []string{"listen", "admin", "log.json", "tls", "reflection", "ping", "plugin_lock", "plugin_dir", "verify_tokens", "byods", "speech"}

// Change is a key whose value is another one.
type Change struct {
	Key     string // dotted; a plugin or agent that came or went is one
	Restart bool   // it counts when the host is started again
}

// Changes tells in what a configuration differs from the one before it. No values
// are told: they may be secret.
func Changes(before, after Config) []Change {
	keys := slices.Concat(differences("", fields, &before, &after), differences("calls", callFields, &before.Calls, &after.Calls),
		agentChanges(before, after), pluginChanges(before.Plugins, after.Plugins))
	changes := make([]Change, len(keys))
	for i, key := range keys {
		changes[i] = Change{key, needsRestart(key)}
	}
	return changes
}

// agentChanges leaves out what an agent has from calls, before and after.
func agentChanges(before, after Config) (keys []string) {
	ids := maps.Clone(before.Agents)
	if ids == nil {
		ids = map[string]Calls{}
	}
	maps.Copy(ids, after.Agents)
	for _, id := range sorted(ids) {
		old, had := before.Agents[id]
		own, has := after.Agents[id]
		if had != has {
			keys = append(keys, join("agents", id))
			continue
		}
		for _, f := range callFields {
			inherited := f.equal(&old, &before.Calls) && f.equal(&own, &after.Calls)
			if !inherited && !f.equal(&old, &own) {
				keys = append(keys, join(join("agents", id), f.key))
			}
		}
	}
	return keys
}

func pluginChanges(before, after []Plugin) (keys []string) {
	var stayed, stay []string // in the order before and now
	for _, p := range before {
		if find(after, p.Name) != nil {
			stayed = append(stayed, p.Name)
		} else {
			keys = append(keys, join("plugins", p.Name))
		}
	}
	for _, p := range after {
		if old := find(before, p.Name); old != nil {
			stay = append(stay, p.Name)
			keys = append(keys, differences(join("plugins", p.Name), pluginFields, old, &p)...)
		} else {
			keys = append(keys, join("plugins", p.Name))
		}
	}
	if !slices.Equal(stayed, stay) {
		keys = append(keys, "plugins") // their order
	}
	return keys
}

func find(plugins []Plugin, name string) *Plugin {
	for i := range plugins {
		if plugins[i].Name == name {
			return &plugins[i]
		}
	}
	return nil
}

// differences are the keys of a table in which two sections differ.
func differences[S any](path string, table []field[S], before, after *S) (keys []string) {
	for _, f := range table {
		if !f.equal(before, after) {
			keys = append(keys, join(path, f.key))
		}
	}
	return keys
}

func (b bound[S, V]) equal(one, other *S) bool { return reflect.DeepEqual(*b.at(one), *b.at(other)) }

func (callsBinding) equal(*Config, *Config) bool   { return true } // told key by key
func (agentsBinding) equal(*Config, *Config) bool  { return true }
func (pluginsBinding) equal(*Config, *Config) bool { return true }

func needsRestart(key string) bool {
	return slices.ContainsFunc(atStart, func(of string) bool { return key == of || strings.HasPrefix(key, of+".") })
}

// Reload gives what counts in a host that began with c when it reads after: all
// that needs no restart.
func (c Config) Reload(after Config) Config {
	c.Shutdown = after.Shutdown
	c.Log.Level, c.Limits, c.Unknown = after.Log.Level, after.Limits, after.Unknown
	c.Calls, c.Agents, c.Plugins = after.Calls, after.Agents, after.Plugins
	return c
}
