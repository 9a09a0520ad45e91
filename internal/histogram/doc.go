// Package histogram counts times in little and fixed memory, so that a run of
// any length can say what most of them and the worst of them were.
package histogram
