// Package checked makes sure that the plugin which was checked is the one that
// runs: it copies a plugin's file into a private directory, takes the sum of what
// it copied, and hands over the copy. What becomes of the original afterwards
// changes nothing.
//
// It starts nothing. A copy belongs to whoever made it, who removes it when no
// process runs it any more; the directory's owner sweeps those of a killed host.
package checked
