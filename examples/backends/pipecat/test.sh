#!/bin/sh
# Has the host bridge a call to bot.py, by wsproxy, and judges it. `make test-pipecat`
# builds what it needs and runs it.
set -eu
cd "$(dirname "$0")/../../.."
here=examples/backends/pipecat
venv=${PIPECAT_VENV:-bin/pipecat}
work=$(mktemp -d)
host= bot=
finish() {
	status=$?
	trap - EXIT
	for pid in $host $bot; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	if [ "$status" -ne 0 ]; then
		tail -n 40 "$work"/*.log >&2 || true
	fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if ! "$venv/bin/python" -c 'import pipecat, fastapi, uvicorn' 2>/dev/null; then
	echo "installing pipecat into $venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi
mkfifo "$work/bot" "$work/host"
"$venv/bin/python" "$here/bot.py" --port 0 >"$work/bot" 2>"$work/bot.log" &
bot=$!
read -r line <"$work/bot" || true
if [ -z "$line" ]; then
	echo "test-pipecat: the bot did not start" >&2
	exit 1
fi
cat >"$work/host.yaml" <<EOF
plugins:
  wsproxy:
    path: $PWD/bin/plugins/wsproxy
    settings:
      adapter: twilio
      url: ws://${line#listening on }/ws
EOF
bin/byova-host serve --config "$work/host.yaml" --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" \
	--verify-tokens=false >"$work/host" 2>"$work/host.log" &
host=$!
read -r line <"$work/host" || true
if [ -z "$line" ]; then
	echo "test-pipecat: the host did not start" >&2
	exit 1
fi
bin/byova-host call --addr "${line#listening on }" --agent wsproxy --script "$here/call.yaml"
