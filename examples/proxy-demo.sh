#!/bin/sh
# Places a spoken call that wsproxy bridges to a bot which is a program of its own, and
# leaves what the caller heard in recordings/proxy-demo.wav. `make proxy-demo` builds what
# it needs and runs it.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
host= backend=
finish() {
	status=$?
	trap - EXIT
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		wait "$host" || [ "$status" -ne 0 ] || status=1
	fi
	if [ -n "$backend" ]; then
		kill "$backend" 2>/dev/null || true
		wait "$backend" 2>/dev/null || true
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
mkfifo "$work/backend" "$work/host"
bin/examples/echo-twilio --listen 127.0.0.1:0 >"$work/backend" 2>"$work/backend.log" &
backend=$!
read -r line <"$work/backend" || true
url=ws://${line#listening on }/
cat >"$work/host.yaml" <<EOF
plugins:
  wsproxy:
    path: $PWD/bin/plugins/wsproxy
    settings:
      adapter: twilio
      url: $url
EOF
echo "a bot for Twilio's Media Streams listens on $url"
echo "the host's configuration:"
sed 's/^/    /' "$work/host.yaml"
bin/byova-host serve --config "$work/host.yaml" --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" \
	--verify-tokens=false >"$work/host" 2>"$work/host.log" &
host=$!
read -r line <"$work/host" || true
addr=${line#listening on }
if [ -z "$addr" ]; then
	echo "proxy-demo: the host did not start" >&2
	exit 1
fi
bin/byova-host call --addr "$addr" --agent wsproxy --audio examples/speech/hello.wav \
	--record recordings/proxy-demo.wav --limit 45s
grep -o 'connection ended.*' "$work/host.log" | sed 's/ conversation=.*//' || true
echo "heard by the caller, left, and said by the bot, right: recordings/proxy-demo.wav"
