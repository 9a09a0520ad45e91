// Package playout holds what a bot has said and the caller has not heard yet. Voice AIs
// send audio faster than it plays; a [Queue] lets it go at the pace at which it plays,
// a little ahead, so that what is dropped when the caller interrupts is never far on
// its way, and knows how much of each item was heard. It owns no clock and no
// goroutine: its one user says what time it is.
package playout
