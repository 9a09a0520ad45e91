// Package atomicfile writes files that are there as a whole or not at all, however
// the process or the machine ends.
package atomicfile
