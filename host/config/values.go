package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/byova-host/byova-host/host/certs"
)

// maxNested is how deep values of a plugin's settings may be nested.
const maxNested = 32

// free is a section of which only its reader knows the keys. Secrets says whether
// NAME_file stands for NAME with what the file holds.
func free(name string, secrets bool) kind[map[string]any] {
	return kind[map[string]any]{
		name: name,
		show: func(m map[string]any) any {
			if len(m) == 0 {
				return map[string]any{}
			}
			return m
		},
		read: func(r *reader, n *yaml.Node, key string) (map[string]any, bool) {
			return r.mapping(n, key, secrets, 0)
		},
	}
}

const fileSuffix = "_file"

// mapping gives a section as it is. What is wrong in it is noted, and the rest
// comes back.
func (r *reader) mapping(n *yaml.Node, path string, secrets bool, depth int) (map[string]any, bool) {
	found := map[string]any{}
	for _, p := range r.pairs(n, path) {
		name, key := p.key.Value, join(path, p.key.Value)
		if !utf8.ValidString(name) {
			r.wrong(p.key, path, "a key is not text: write it in UTF-8")
			continue
		}
		of, secret := strings.CutSuffix(name, fileSuffix)
		var value any
		var ok bool
		if secret && secrets {
			if of == "" || strings.HasSuffix(of, fileSuffix) {
				r.wrong(p.key, key, "what is in the file has no name: name the key NAME%s", fileSuffix)
				continue
			}
			name = of
			value, ok = r.secret(p.value, key)
		} else {
			value, ok = r.anything(p.value, key, secrets, depth+1)
		}
		if _, twice := found[name]; twice {
			r.wrong(p.key, key, "%s stands beside %s%s: keep one of them", name, name, fileSuffix)
			continue
		}
		if ok {
			found[name] = value
		}
	}
	return found, n.Kind == yaml.MappingNode
}

// anything gives a value of any type. Problems do not show it: it may be secret.
func (r *reader) anything(n *yaml.Node, key string, secrets bool, depth int) (any, bool) {
	if depth > maxNested {
		r.wrong(n, key, "is nested too deep: at most %d levels are taken", maxNested)
		return nil, false
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, key, secrets, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			if value, ok := r.anything(item, fmt.Sprintf("%s[%d]", key, i), secrets, depth+1); ok {
				list = append(list, value)
			}
		}
		return list, true
	case yaml.ScalarNode:
		return r.single(n, key)
	default:
		r.wrong(n, key, "%s: write the value out", describe(n))
		return nil, false
	}
}

// single gives a scalar: numbers as float64, as they go to plugins.
func (r *reader) single(n *yaml.Node, key string) (any, bool) {
	switch n.ShortTag() {
	case "!!null":
		return nil, true
	case "!!bool":
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if err != nil {
			r.wrong(n, key, "is neither true nor false: write one of them")
		}
		return b, err == nil
	case "!!int", "!!float":
		var f float64
		if err := n.Decode(&f); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			r.wrong(n, key, "is no finite number: write one, or put it in quotes")
			return nil, false
		}
		if n.ShortTag() == "!!int" && math.Abs(f) > 1<<53 {
			r.wrong(n, key, "is a number too large to be passed exactly: put it in quotes")
			return nil, false
		}
		return f, true
	case "!!str", "!!timestamp":
		text, ok := r.text(n, key)
		if ok && !utf8.ValidString(text) {
			r.wrong(n, key, "is not text: write it in UTF-8")
			return nil, false
		}
		return text, ok
	default:
		r.wrong(n, key, "has the type %s, which is not taken: remove it", n.ShortTag())
		return nil, false
	}
}

// names is a list of names of client certificates.
var names = list("list of names", `["*.example.com"]`, "names nobody, and would let in all: name those who may come in, or leave the key out", certs.Name.Validate)

// list is a list of texts that pass a check. Empty says what is wrong with one of none.
func list[V ~string](name, example, empty string, check func(V) error) kind[[]V] {
	return kind[[]V]{
		name: name,
		show: func(all []V) any {
			if len(all) == 0 {
				return nil
			}
			shown := make([]string, len(all))
			for i, v := range all {
				shown[i] = string(v)
			}
			return shown
		},
		read: func(r *reader, n *yaml.Node, key string) ([]V, bool) {
			if n.Kind != yaml.SequenceNode {
				r.wrong(n, key, "%s, but a list is needed: write %s", describe(n), example)
				return nil, false
			}
			if len(n.Content) == 0 {
				r.wrong(n, key, "%s", empty)
				return nil, false
			}
			var all []V
			for i, item := range n.Content {
				at := fmt.Sprintf("%s[%d]", key, i)
				text, ok := r.text(item, at)
				if !ok {
					continue
				}
				if err := check(V(text)); err != nil {
					r.wrong(item, at, "%v", err)
					continue
				}
				all = append(all, V(text))
			}
			return all, true
		},
	}
}
