package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a key of a section S: what it holds and what it means.
type field[S any] struct {
	key string // dotted, from the section's begin
	binding[S]
	doc string
}

// binding reads a field from a node and gives it back.
type binding[S any] interface {
	kind() string                                    // what it holds, for the documentation
	read(r *reader, n *yaml.Node, key string, to *S) // notes what is wrong
	value(of *S) any                                 // as YAML
	equal(one, other *S) bool
}

// kind is what a field may hold: how it is read and shown.
type kind[V any] struct {
	name string
	read func(r *reader, n *yaml.Node, key string) (V, bool)
	show func(V) any
}

// bound is a field of type V in S.
type bound[S, V any] struct {
	at   func(*S) *V
	what kind[V]
}

func (b bound[S, V]) kind() string    { return b.what.name }
func (b bound[S, V]) value(of *S) any { return b.what.show(*b.at(of)) }

func (b bound[S, V]) read(r *reader, n *yaml.Node, key string, to *S) {
	if v, ok := b.what.read(r, n, key); ok {
		*b.at(to) = v
	}
}

// bind says where in S a field of some kind is.
func bind[S, V any](what kind[V], at func(*S) *V) binding[S] { return bound[S, V]{at, what} }

// section reads a mapping by a table. Below is the part of the table's keys that
// leads to it, with a dot behind.
func section[S any](r *reader, n *yaml.Node, path, below string, table []field[S], to *S) {
	for _, p := range r.pairs(n, path) {
		key, full := below+p.key.Value, join(path, p.key.Value)
		i := slices.IndexFunc(table, func(f field[S]) bool { return f.key == key })
		switch {
		case i >= 0:
			table[i].read(r, p.value, full, to)
		case slices.ContainsFunc(table, func(f field[S]) bool { return strings.HasPrefix(f.key, key+".") }):
			section(r, p.value, full, key+".", table, to)
		default:
			r.unknown(p.key, full, children(table, below))
		}
	}
}

// children are the keys of a section of the table.
func children[S any](table []field[S], below string) (names []string) {
	for _, f := range table {
		if rest, ok := strings.CutPrefix(f.key, below); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unknown notes a key that is in no table. It may be misspelt, or stand in the
// wrong section.
func (r *reader) unknown(n *yaml.Node, key string, known []string) {
	if meant := nearest(n.Value, known); meant != "" {
		r.wrong(n, key, "unknown key: did you mean %q?", meant)
		return
	}
	for _, elsewhere := range r.keys {
		if strings.HasSuffix(elsewhere, "."+n.Value) || elsewhere == n.Value {
			r.wrong(n, key, "unknown key here: did you mean %s?", elsewhere)
			return
		}
	}
	r.wrong(n, key, "unknown key: known here are %s", strings.Join(known, ", "))
}
