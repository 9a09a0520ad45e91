// Package pluginv1 is version 1.0 of the plugin protocol, frozen: a copy of plugin.proto as
// it was, and the code that is generated from it. It is for programs that stand for plugins
// of that time. One process cannot have it and the protocol of today, because both register
// the same names.
package pluginv1
