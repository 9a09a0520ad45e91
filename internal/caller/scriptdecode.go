package caller

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scriptDecoder fills the fields of a Script from YAML. Other than yaml's own
// decoding it knows the line of everything that is wrong, refuses what the
// script does not know, and puts variables in place first.
//
// Beside yaml's, fields have these tags: one lists the allowed values, keys
// wants keys of a telephone, must wants a value.
type scriptDecoder struct {
	file string
	vars map[string]string
}

func (d *scriptDecoder) bad(n *yaml.Node, format string, args ...any) error {
	return &ScriptError{d.file, n.Line, fmt.Sprintf(format, args...)}
}

func (d *scriptDecoder) into(n *yaml.Node, target any, key string) error {
	return d.value(n, reflect.ValueOf(target).Elem(), key, "")
}

// value fills v, which is the value of a key.
func (d *scriptDecoder) value(n *yaml.Node, v reflect.Value, key string, tag reflect.StructTag) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return d.bad(n, "%sanchors and aliases are not known to scripts; write it out", prefix(key))
	}
	switch v.Interface().(type) {
	case Clips:
		return d.clips(n, v, key)
	case ScriptPress:
		if n.Kind == yaml.ScalarNode {
			return d.scalar(n, v.FieldByName("Keys"), key, `keys:"yes"`)
		}
	case []ScriptStep:
		return d.steps(n, v)
	case map[string]string, map[string]any:
		return d.mapping(n, v, key)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), key, tag)
	case reflect.Struct:
		return d.structure(n, v, key)
	}
	return d.scalar(n, v, key, tag)
}

// structure fills the fields that the mapping names.
func (d *scriptDecoder) structure(n *yaml.Node, v reflect.Value, key string) error {
	if n.Kind != yaml.MappingNode {
		return d.bad(n, "%swant keys below it, one of: %s", prefix(key), strings.Join(fieldNames(v.Type()), ", "))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		field, ok := fieldOf(v.Type(), name.Value)
		if !ok || name.Kind != yaml.ScalarNode {
			return d.bad(name, "%sunknown key %q, want one of: %s", prefix(key), name.Value, strings.Join(fieldNames(v.Type()), ", "))
		}
		if seen[name.Value] {
			return d.bad(name, "%skey %q stands here twice", prefix(key), name.Value)
		}
		seen[name.Value] = true
		if err := d.value(value, v.FieldByIndex(field.Index), name.Value, field.Tag); err != nil {
			return err
		}
	}
	for _, name := range fieldNames(v.Type()) {
		if field, _ := fieldOf(v.Type(), name); field.Tag.Get("must") != "" && !seen[name] {
			return d.bad(n, "%s%s is missing", prefix(key), name)
		}
	}
	return nil
}

func prefix(key string) string {
	if key == "" {
		return ""
	}
	return key + ": "
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if yamlName(f) == name && name != "-" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func fieldNames(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		if name := yamlName(field); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// steps reads the list of steps, each with its line and exactly one act. A say
// or press whose variable is empty is left out.
func (d *scriptDecoder) steps(n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return d.bad(n, "steps: want a list")
	}
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode || len(item.Content) == 0 {
			return d.bad(item, "an empty step; want one of: %s", strings.Join(fieldNames(v.Type().Elem()), ", "))
		}
		if len(item.Content) > 2 {
			return d.bad(item.Content[2], "a step with two acts, %s and %s; make two steps of it", item.Content[0].Value, item.Content[2].Value)
		}
		if d.leftOut(item) {
			continue
		}
		step := ScriptStep{Line: max(item.Line, 1)}
		if err := d.structure(item, reflect.ValueOf(&step).Elem(), ""); err != nil {
			return err
		}
		v.Set(reflect.Append(v, reflect.ValueOf(step)))
	}
	return nil
}

func (d *scriptDecoder) leftOut(step *yaml.Node) bool {
	act, value := step.Content[0].Value, step.Content[1]
	if act != "say" && act != "press" || value.Kind != yaml.ScalarNode || value.Value == "" {
		return false
	}
	text, err := d.text(value)
	return err == nil && text == ""
}

// clips reads one clip or a list of them.
func (d *scriptDecoder) clips(n *yaml.Node, v reflect.Value, key string) error {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		text, err := d.text(item)
		if err != nil {
			return err
		}
		if text == "" {
			return d.bad(item, "%s: name a clip, a WAV file or a pause", key)
		}
		v.Set(reflect.Append(v, reflect.ValueOf(text)))
	}
	if v.Len() == 0 {
		return d.bad(n, "%s: the list is empty", key)
	}
	return nil
}

// mapping reads names with values: strings, or what an event's parameters hold.
func (d *scriptDecoder) mapping(n *yaml.Node, v reflect.Value, key string) error {
	if n.Kind != yaml.MappingNode {
		return d.bad(n, "%s: want names with values below it", key)
	}
	if len(n.Content) == 0 {
		return nil
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, err := d.text(n.Content[i])
		if err != nil {
			return err
		}
		if name == "" || v.MapIndex(reflect.ValueOf(name)).IsValid() {
			return d.bad(n.Content[i], "%s: name %q is empty or stands here twice", key, name)
		}
		value, err := d.parameter(n.Content[i+1], v.Type().Elem().Kind() == reflect.Interface)
		if err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(value))
	}
	return nil
}

// parameter is a text, or where typed is set also a number or true or false.
func (d *scriptDecoder) parameter(n *yaml.Node, typed bool) (any, error) {
	text, err := d.text(n)
	if err != nil {
		return nil, err
	}
	switch tag := n.ShortTag(); {
	case !typed || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
	case tag == "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case tag == "!!int" || tag == "!!float":
		var f float64
		if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, d.bad(n, "%q is not a number that an event can carry", n.Value)
		}
		return f, nil
	}
	return text, nil
}

var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

// text is a scalar with its variables in place.
func (d *scriptDecoder) text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" {
		return "", d.bad(n, "want a plain value here")
	}
	if n.ShortTag() == "!!null" {
		return "", nil
	}
	if n.ShortTag() == "!!binary" {
		return "", d.bad(n, "want a plain value here, not binary data")
	}
	var missing string
	text := variable.ReplaceAllStringFunc(n.Value, func(use string) string {
		name := use[2 : len(use)-1]
		value, ok := d.vars[name]
		if !ok {
			missing = name
		}
		return value
	})
	if missing != "" || strings.Contains(n.Value, "${}") {
		return "", d.bad(n, "variable %q has no value; give it one under vars", missing)
	}
	return text, nil
}

// scalar fills a single value and holds it against the tags.
func (d *scriptDecoder) scalar(n *yaml.Node, v reflect.Value, key string, tag reflect.StructTag) error {
	text, err := d.text(n)
	if err != nil {
		return err
	}
	if _, ok := v.Interface().(Duration); ok {
		length, err := time.ParseDuration(text)
		if err != nil || length <= 0 || length > time.Hour {
			return d.bad(n, "%s: %q is not a time above zero and up to an hour; write it like 400ms or 2s", key, text)
		}
		v.SetInt(int64(length))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return d.allowed(n, text, key, tag)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return d.bad(n, "%s: %q is neither true nor false", key, text)
		}
		if (key == "hang_up" || key == "vanish") && !b {
			return d.bad(n, "%s: only true makes sense; leave the step out instead", key)
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil || i > 1_000_000 || i < -1_000_000 {
			return d.bad(n, "%s: %q is not a whole number of that size", key, text)
		}
		v.SetInt(int64(i))
	default:
		return d.bad(n, "%s: want a plain value here", key)
	}
	return nil
}

func (d *scriptDecoder) allowed(n *yaml.Node, text, key string, tag reflect.StructTag) error {
	if values := strings.Fields(tag.Get("one")); len(values) > 0 {
		if slices.Contains(values, text) {
			return nil
		}
		return d.bad(n, "%s: %q is not known, want one of: %s", key, text, strings.Join(values, ", "))
	}
	if tag.Get("keys") != "" {
		if err := Press(text).validate(); err != nil {
			return d.bad(n, "%v", err)
		}
	}
	return nil
}
