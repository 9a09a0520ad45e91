#!/bin/sh
# Runs all tests, with the race detector where it can: it needs a C compiler.
set -eu
cd "$(dirname "$0")/.."
race=
if command -v "${CC:-$(go env CC)}" >/dev/null 2>&1; then
	race=-race
	export CGO_ENABLED=1
else
	export CGO_ENABLED=0
	echo "make test: no C compiler found: the tests run without the race detector (Debian: apt-get install gcc libc6-dev)" >&2
fi
exec go test $race -timeout 10m ./... "$@"
