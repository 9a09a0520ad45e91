#!/bin/sh
# Everything that can be said of the code without running it.
set -eu
cd "$(dirname "$0")/.."
unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "not formatted, run gofmt -w: $unformatted" >&2
	exit 1
fi
go vet ./...
go mod tidy -diff
if ! go fix -diff ./cmd/... ./host/... ./internal/... ./plugins/... ./sdk/... ./examples/...; then
	echo "run go fix on these packages" >&2
	exit 1
fi
go tool -modfile=internal/tools/go.mod golangci-lint run
