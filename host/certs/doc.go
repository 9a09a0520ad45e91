// Package certs keeps the certificates of a TLS server: it reads them from PEM
// files, reads them again when the files change, and decides which clients are
// let in. It starts nothing: the files are looked at during handshakes.
package certs
