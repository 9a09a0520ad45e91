#!/bin/sh
# Makes hello.wav beside it: sh make-hello.sh (needs flite 2.2 and sox 14.4).
set -eu
cd "$(dirname "$0")"
raw=$(mktemp --suffix .wav)
trap 'rm -f "$raw"' EXIT
flite -voice slt -t "Hello there, this is a friendly test call." -o "$raw"
sox -D "$raw" -e mu-law hello.wav gain -12 rate -h 8000 sinc -n 255 200-3400 \
	silence 1 0.005 0.1% reverse silence 1 0.005 0.1% reverse norm -3
