// Breakrules proves that the tests of the protocol's rules can fail. Its table
// has, for each rule, small changes of the host that break it. Each change is
// made in a copy beside the source, with go test -overlay, and the rule's own
// test is run: it must fail.
//
//	go run ./internal/breakrules             # all of them
//	go run ./internal/breakrules -run R11    # those of one rule
//
// It prints a line for each change and exits with 1 if a test did not notice
// one. A row of the table whose text is not in the source exactly once, or whose
// change does not compile, is an error too: the table cannot fall behind.
//
// Nothing in the working tree is written.
package main
