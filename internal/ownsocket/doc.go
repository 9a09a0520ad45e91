// Package ownsocket has Unix sockets between programs of one user: nobody else connects to
// one, and what answers at one is nobody else's.
package ownsocket
