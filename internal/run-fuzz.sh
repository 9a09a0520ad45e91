#!/bin/sh
# Runs each fuzz target of the project for a while: FUZZTIME each, 1 minute
# unless set, or the same share of FUZZTOTAL seconds.
set -eu
cd "$(dirname "$0")/.."
targets=$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | wc -l)
each=${FUZZTIME:-1m}
if [ -n "${FUZZTOTAL:-}" ]; then
	each=$((FUZZTOTAL / targets))s
fi
grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
	for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/func //'); do
		echo "== $target for $each ($(dirname "$file"))"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 10x "$(dirname "$file")"
	done
done
