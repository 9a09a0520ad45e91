// Package host is the assembly: it makes the parts of a byova-host, starts them
// from the far end (plugins, then sessions, then the door to Webex) and stops
// them from the near end. Nothing imports it but the command.
package host
