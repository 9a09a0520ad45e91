package compat

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// changes says what of a protocol is gone or another thing in a later one, so that
// programs of the former and the latter would not understand each other. What was added
// is no change.
func changes(before, now protoreflect.FileDescriptor) []string {
	c := &comparison{}
	if before.Package() != now.Package() {
		c.note("package %s is %s", before.Package(), now.Package())
	}
	services := before.Services()
	for i := range services.Len() {
		c.service(services.Get(i), now.Services().ByName(services.Get(i).Name()))
	}
	c.types(before, now)
	return c.found
}

type comparison struct{ found []string }

func (c *comparison) note(format string, a ...any) {
	c.found = append(c.found, fmt.Sprintf(format, a...))
}

func (c *comparison) service(before, now protoreflect.ServiceDescriptor) {
	if now == nil {
		c.note("service %s is gone", before.FullName())
		return
	}
	methods := before.Methods()
	for i := range methods.Len() {
		b := methods.Get(i)
		n := now.Methods().ByName(b.Name())
		if n == nil {
			c.note("method %s is gone", b.FullName())
			continue
		}
		if was, is := signature(b), signature(n); was != is {
			c.note("method %s was %s and is %s", b.FullName(), was, is)
		}
	}
}

func signature(m protoreflect.MethodDescriptor) string {
	streams := map[bool]string{true: "stream "}
	return fmt.Sprintf("(%s%s) (%s%s)", streams[m.IsStreamingClient()], m.Input().FullName(), streams[m.IsStreamingServer()], m.Output().FullName())
}

// holder is what messages and enums are declared in: a file or a message.
type holder interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
}

func (c *comparison) types(before, now holder) {
	messages := before.Messages()
	for i := range messages.Len() {
		c.message(messages.Get(i), now.Messages().ByName(messages.Get(i).Name()))
	}
	enums := before.Enums()
	for i := range enums.Len() {
		c.enum(enums.Get(i), now.Enums().ByName(enums.Get(i).Name()))
	}
}

func (c *comparison) message(before, now protoreflect.MessageDescriptor) {
	if now == nil {
		c.note("message %s is gone", before.FullName())
		return
	}
	fields := before.Fields()
	for i := range fields.Len() {
		b := fields.Get(i)
		n := now.Fields().ByNumber(b.Number())
		if n == nil {
			c.note("field %s = %d is gone", b.FullName(), b.Number())
			continue
		}
		if b.Name() != n.Name() {
			c.note("field %s = %d is called %s", b.FullName(), b.Number(), n.Name())
		}
		if was, is := kind(b), kind(n); was != is {
			c.note("field %s was %s and is %s", b.FullName(), was, is)
		}
	}
	c.types(before, now)
}

// kind is how a field is written and what it may hold.
func kind(f protoreflect.FieldDescriptor) string {
	s := fmt.Sprintf("%s %s", f.Cardinality(), f.Kind())
	if f.IsMap() {
		s = "map"
	}
	if of := f.Message(); of != nil {
		s += " " + string(of.FullName())
	}
	if of := f.Enum(); of != nil {
		s += " " + string(of.FullName())
	}
	if of := f.ContainingOneof(); of != nil {
		s += " in oneof " + string(of.Name())
	}
	return s
}

func (c *comparison) enum(before, now protoreflect.EnumDescriptor) {
	if now == nil {
		c.note("enum %s is gone", before.FullName())
		return
	}
	values := before.Values()
	for i := range values.Len() {
		b := values.Get(i)
		n := now.Values().ByName(b.Name())
		switch {
		case n == nil:
			c.note("value %s = %d is gone", b.FullName(), b.Number())
		case n.Number() != b.Number():
			c.note("value %s was %d and is %d", b.FullName(), b.Number(), n.Number())
		}
	}
}
