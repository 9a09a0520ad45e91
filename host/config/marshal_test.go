package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// marshal writes a configuration as a file with all its keys. The tables say how,
// as they do for reading.
func marshal(c Config) ([]byte, error) {
	root := tree(fields, c)
	root["calls"] = tree(callFields, c.Calls)
	agents := map[string]any{}
	for id, own := range c.Agents {
		agents[id] = tree(callFields, own)
	}
	root["agents"] = agents
	plugins := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range c.Plugins {
		var value yaml.Node
		if err := value.Encode(tree(pluginFields, p)); err != nil {
			return nil, err
		}
		plugins.Content = append(plugins.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: p.Name, Tag: "!!str"}, &value)
	}
	root["plugins"] = plugins
	return yaml.Marshal(root)
}

// tree gives the values of a section that are set.
func tree[S any](table []field[S], of S) map[string]any {
	root := map[string]any{}
	for _, f := range table {
		value := f.value(&of)
		if text, ok := value.(string); value == nil || ok && text == "" && f.key != "fallback.name" {
			continue // unset
		}
		at, keys := root, strings.Split(f.key, ".")
		for _, key := range keys[:len(keys)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[keys[len(keys)-1]] = escape(value)
	}
	return root
}

// escape holds what looks like a variable back from being expanded.
func escape(value any) any {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(v, "${", "$${")
	case []string:
		all := make([]any, len(v))
		for i, each := range v {
			all[i] = escape(each)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i, each := range v {
			all[i] = escape(each)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for key, each := range v {
			all[key] = escape(each)
		}
		return all
	default:
		return value
	}
}
