#!/bin/sh
# Makes the speech clips beside it: sh make-speech.sh
#
# Needs flite (2.2, http://cmuflite.org) and sox. The voices slt, rms and awb
# come from the CMU ARCTIC recordings, kal and kal16 from a diphone voice of
# CMU; engine and voices are under CMU's permissive licence (free use, copies
# and derived works; see flite's COPYING). What they say was written for this
# test. Each clip is cut to the telephone band, stripped of the silence around
# it, brought to an RMS of -26 dBov and stored as mu-law at 8 kHz.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { # name voice text
	flite -voice "$2" -t "$3" -o "$work/raw.wav"
	sox -D "$work/raw.wav" "$work/band.wav" gain -6 rate -h 8000 sinc -n 255 300-3400 \
		silence 1 0.005 0.1% reverse silence 1 0.005 0.1% reverse
	rms=$(sox "$work/band.wav" -n stat 2>&1 | awk '/^RMS.*amplitude/ {print $3}')
	gain=$(awk -v r="$rms" 'BEGIN {printf "%.2f", -26 - 20 * log(r) / log(10)}')
	sox -D "$work/band.wav" -e mu-law "$1.wav" gain "$gain"
}

say slt-order    slt   "I would like to check the status of my order."
say slt-seven    slt   "Seven six five four two one."
say slt-yes      slt   "Yes that is right thank you."
say rms-bill     rms   "Can you tell me about my last bill?"
say rms-fix      rms   "She said the flight was fixed for Friday."
say rms-agent    rms   "Speak to a person in sales."
say awb-open     awb   "When do you open on Saturday morning?"
say awb-pay      awb   "How can I pay this by card?"
say kal16-home   kal16 "My internet at home is not working."
say kal16-four   kal16 "Four three eight zero nine one."
say kal-change   kal   "Please change my address and telephone number."

# Their ends are weak.
say kal16-six    kal16 "Six."
say rms-staff    rms   "Half of the staff is off."
say awb-passes   awb   "I want to check my bus passes."
