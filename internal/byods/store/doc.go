// Package store keeps what must outlive the process: the integration's tokens and
// one record for each organisation.
//
// [Store] is the interface; [File] keeps records as files in one directory, each
// encrypted as a JWE unless no key is given, and locks them between processes;
// [Memory] forgets them with the process; [Cache] has all organisations of another
// store at hand, for the hot path, and follows what other processes change.
package store
