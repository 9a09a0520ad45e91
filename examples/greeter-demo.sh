#!/bin/sh
# Places a call to tts-greeter, which speaks with nothing installed and nothing configured,
# and leaves what the caller heard in recordings/greeter-demo.wav. `make greeter-demo`
# builds what it needs and runs it.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
host=
finish() {
	status=$?
	trap - EXIT
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		wait "$host" || [ "$status" -ne 0 ] || status=1
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
mkfifo "$work/host"
bin/byova-host serve --plugin bin/plugins/tts-greeter --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" \
	--verify-tokens=false >"$work/host" 2>"$work/host.log" &
host=$!
read -r line <"$work/host" || true
addr=${line#listening on }
if [ -z "$addr" ]; then
	echo "greeter-demo: the host did not start" >&2
	exit 1
fi
grep -o 'speech: .*' "$work/host.log" || true
bin/byova-host call --addr "$addr" --agent tts-greeter --audio examples/speech/hello.wav \
	--record recordings/greeter-demo.wav --limit 45s
echo "heard by the caller, left, and said by the bot, right: recordings/greeter-demo.wav"
