#!/bin/sh
# Places a spoken call against the echo plugin and leaves what the caller heard
# in recordings/demo.wav. `make demo` builds what it needs and runs it. With
# arguments it runs `byova-host call` with those instead.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
host=
finish() {
	status=$?
	trap - EXIT
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		if ! wait "$host"; then
			[ "$status" -ne 0 ] || status=1
		fi
	fi
	if [ "$status" -ne 0 ]; then
		echo "--- the host's log:" >&2
		cat "$work/host.log" >&2
	fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p recordings
mkfifo "$work/out"
bin/byova-host serve --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" --verify-tokens=false \
	--plugin bin/plugins/echo >"$work/out" 2>"$work/host.log" &
host=$!
# The one line it prints comes when the plugin has passed its checks; if the
# host ends before, the line is empty.
read -r line <"$work/out" || true
addr=${line#listening on }
if [ -z "$addr" ]; then
	echo "demo: the host did not start" >&2
	exit 1
fi
echo "byova-host serves on $addr with the echo plugin"
if [ $# -gt 0 ]; then
	bin/byova-host call --addr "$addr" "$@"
	exit
fi
bin/byova-host call --addr "$addr" --agent echo --audio examples/speech/hello.wav \
	--record recordings/demo.wav --limit 45s
echo "heard by the caller, left, and said by the bot, right: recordings/demo.wav"
