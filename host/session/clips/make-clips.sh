#!/bin/sh
# Makes filler.wav, fallback.wav and unspoken.wav again: mono, mu-law, 8 kHz, cut to the
# telephone band, 50 ms of silence on either side. Needs flite 2.2 and sox 14.4.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# say writes a text into a file.
say() {
	flite -voice slt -t "$2" -o "$tmp/said.wav"
	sox "$tmp/said.wav" "$tmp/tight.wav" \
		silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse
	sox -D "$tmp/tight.wav" -r 8000 -c 1 -e mu-law "$1" \
		highpass 300 lowpass 3400 norm -3 pad 0.05 0.05
}

say filler.wav "One moment, please."
say fallback.wav "Sorry, something went wrong. I will put you through to someone."
say unspoken.wav "Sorry, I cannot say that. One moment, please."
