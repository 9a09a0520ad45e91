// Package speech holds the spoken sample that "byova-host call" says when it is
// given nothing else to say.
package speech

import _ "embed"

// Hello is a WAV file with a short spoken greeting. It must not be changed.
//
//go:embed hello.wav
var Hello []byte
