#!/bin/sh
# Runs all tests, with the race detector where it can: it needs a C compiler.
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
race=
if command -v "${CC:-$(go env CC)}" >/dev/null 2>&1; then
	race=-race
	export CGO_ENABLED=1
else
	export CGO_ENABLED=0
	echo "make test: no C compiler found: the tests run without the race detector (Debian: apt-get install gcc libc6-dev)" >&2
fi
for program in espeak-ng flite pocketsphinx_continuous; do
	if ! command -v $program >/dev/null 2>&1; then
		echo "make test: no $program found: what it would say or hear is not tried (Debian: apt-get install espeak-ng flite pocketsphinx pocketsphinx-en-us)" >&2
	fi
done

# tests runs them and keeps what they print.
tests() {
	{ go test $race -timeout 10m ./... "$@" 2>&1 || echo "tests failed"; } | tee "$log"
	! grep -q '^tests failed$' "$log"
}

tests "$@" && exit
# The race detector sometimes fails a check of its own, and takes the process with
# it. That says nothing of the tests: what has not passed runs once more.
if grep -q '^ThreadSanitizer: CHECK failed' "$log" && ! grep -qE '^ *--- FAIL|DATA RACE|^panic:' "$log"; then
	echo "make test: the race detector failed by itself: once more" >&2
	tests "$@"
	exit
fi
exit 1
