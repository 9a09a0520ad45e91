#!/bin/sh
# Runs each fuzz target of the project for a while: FUZZTIME each, 1 minute
# unless set, or the same share of FUZZTOTAL seconds.
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz runs one target. The fuzzer sometimes takes the end of its own time for a
# failure: without a failing input it is none.
fuzz() {
	if go test -run '^$' -fuzz "^$1\$" -fuzztime "$each" -fuzzminimizetime 10x "$2" >"$log" 2>&1; then
		tail -n 2 "$log"
	elif grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log"; then
		echo "no failing input; the fuzzer reports the end of its time as an error"
	else
		cat "$log"
		return 1
	fi
}

targets=$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | wc -l)
each=${FUZZTIME:-1m}
if [ -n "${FUZZTOTAL:-}" ]; then
	each=$((FUZZTOTAL / targets))s
fi
for file in $(grep -rlE --include='*_test.go' '^func Fuzz' . | sort); do
	for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/func //'); do
		echo "== $target for $each ($(dirname "$file"))"
		fuzz "$target" "$(dirname "$file")"
	done
done
