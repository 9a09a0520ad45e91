// Package supervisor owns the plugin processes: it starts them, routes calls to
// them by virtual agent, notices when one ends, and stops them.
//
// To host/session it is the [session.Agents] that answer calls. It converts
// between the session's vocabulary and the plugin wire in one place, convert.go;
// how a process is launched and spoken to is internal/pluginwire's matter.
package supervisor
