// Package supervisor owns the plugin processes: it starts them, routes calls to
// them by virtual agent and organisation, starts another when one dies, and swaps
// one program for another while calls are up.
//
// To host/session it is the [session.Agents] that answer calls. It converts
// between the session's vocabulary and the plugin wire in one place, convert.go;
// how a process is launched and spoken to is internal/pluginwire's matter, and what
// is said in a call the session's.
//
// A plugin has generations. A generation is a private copy of a program with the
// settings it was given and one process at a time, or none for the moment after one
// has died. At most two of a plugin's generations have calls: the current one and
// either a canary or an older one that drains.
//
// Lifetimes: [Start] returns when every plugin has passed its start checks. The
// goroutines of a generation end with it: when it is retired and has no calls, or
// when the host stops. [Supervisor.Stop] waits for all of them, and for what is
// under way.
package supervisor
