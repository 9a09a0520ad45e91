#!/bin/sh
# Runs the tests of the bot in Python, which need a Python with gRPC.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
has='import cryptography, google.protobuf, grpc'
if ! python3 -c "$has" 2>/dev/null; then
	# One of the user's own may stand before the system's.
	if ! /usr/bin/python3 -c "$has" 2>/dev/null; then
		echo "make test-python: no python3 has grpc, protobuf and cryptography (Debian: apt-get install python3-grpcio python3-protobuf python3-cryptography)" >&2
		exit 1
	fi
	ln -s /usr/bin/python3 "$dir/python3"
	export PATH="$dir:$PATH"
fi
race=
if command -v "${CC:-$(go env CC)}" >/dev/null 2>&1; then
	race=-race
	export CGO_ENABLED=1
fi
BYOVA_TEST_PYTHON=1 go test $race -count=1 -timeout 5m -run '^TestPython' ./examples/plugin-python ./cmd/byova-host ./sdk/plugin/plugintest "$@"
