// Package rundir gives a process a private directory for its sockets, and
// removes those that killed processes left behind.
//
// All lie below one base directory of the user's, mode 0700:
// $XDG_RUNTIME_DIR/byova-host, else byova-host-UID in the temporary directory.
// Those for what must be executed may lie below another.
// A directory belongs to whoever holds the lock on the file in it; a lock dies
// with its process, so that a directory whose lock is free is a dead one's.
package rundir
