// Package plugintest tests bots.
//
// # A bot in a test
//
// New puts a plugin on a host within the test: the real one, with its turns, speech
// detection and barge-in, which talks to the plugin over the real wire, in memory. A
// Call is a caller that a test leads:
//
//	func TestMenu(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) { // the call's minutes cost nothing
//			call := plugintest.New(t, bot()).Call()
//			if got := call.Start().Text(); got != "Press 1 for sales." {
//				t.Errorf("greeting: %q", got)
//			}
//			call.Press("1")
//			if _, transferred := call.Answer().Transfer(); !transferred {
//				t.Error("1 does not transfer")
//			}
//		})
//	}
//
// What the caller does returns at once an Answer, whose methods wait until the bot has
// answered and the caller has heard it. An act begins when the answer to the one before
// it is over; BargeIn is the exception.
//
// In a bubble of testing/synctest a call's time costs nothing. Without one it takes as
// long as on the telephone, which is right for bots that hold connections to somewhere
// else: a bubble's time stands still while one of its goroutines waits for the network.
//
// A test fails when the bot gives a call up, when the host refuses one of its commands,
// when a call lasts longer than CallOptions.Limit, and when a handler does not return at the
// end of its call. Of such a handler the test says where it stands; a bubble has Go print
// all goroutines behind that.
//
// What the host logs, and the bot by Call.Log, is in the test's output, which go test shows
// if the test fails, and with -v.
//
// # A plugin as a program
//
// Conform holds a program against the contract that the host has with every plugin, in
// whatever language it is written: it starts and ends as it should, answers each kind of
// turn, keeps its calls apart, stops when it is interrupted. Verify does the same outside
// a test, as `byova-host plugins verify` does.
package plugintest
