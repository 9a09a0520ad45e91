// Package heapfloor keeps a small heap from being collected all the time.
//
// Go collects when the heap has doubled. One that holds a few megabytes and moves
// hundreds of them a second is collected hundreds of times a second, to no end: the
// memory that this saves is nothing beside what the process needs anyhow.
package heapfloor
