// Package audio holds the sound work of a telephone call: G.711 codecs, WAV
// files, sample rate conversion and the detection of speech.
//
// It knows nothing about calls, networks or processes. It starts no goroutine,
// reads no clock and keeps no global state but tables, so every result depends
// on the audio alone. Functions may run anywhere at any time. A streaming type
// (Decoder, Converter, Resampler, Endpointer) belongs to one stream and must
// not be used by two goroutines at once.
//
// Samples are signed 16-bit values in an int16 slice, one channel unless the
// text says otherwise. Functions that produce samples or bytes append to dst
// and return it, like append does; with a dst that has room they allocate
// nothing. Levels are in dBov: 0 is the RMS of a full-scale square wave.
package audio
