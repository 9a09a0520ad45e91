package main

// The packages whose tests hold the rules.
const (
	engine = "host/session"
	wire   = "host/rpc"
)

// table is all changes, in the order of the rules.
func table() []row {
	var all []row
	for _, part := range [][]row{callRows, listenRows, answerRows, inputRows, endRows, transportRows} {
		all = append(all, part...)
	}
	return all
}
