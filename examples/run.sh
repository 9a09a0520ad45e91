#!/bin/sh
# Plays a call to an example, or to a bundled plugin, and leaves what the caller heard in
# recordings/NAME.wav. It builds what it needs and stops what it has started.
#
#     examples/run.sh                   the examples, a line each
#     examples/run.sh NAME              as `make example NAME=...`
#     examples/run.sh NAME ARGUMENTS    the same with these arguments of `byova-host call`
#
# The host speaks with its recorded phrases, so that all machines sound alike.
set -eu
cd "$(dirname "$0")/.."
export CGO_ENABLED=0

# about prints what an example says of itself: the first line of its comment.
about() {
	for file in main.go bot.py host.yaml; do
		if [ -f "examples/$1/$file" ]; then
			sed -n -e 's|^// ||p' -e 's|^# ||p' -e 's|^"""\(.*\)|\1|p' "examples/$1/$file" | head -n 1
		fi
	done
}

name=${1:-}
if [ -z "$name" ]; then
	for call in examples/*/call.yaml examples/*/steps; do
		name=$(basename "$(dirname "$call")")
		printf '%-26s%s\n' "$name" "$(about "$name")"
	done | sort
	exit
fi
shift
if [ ! -d "examples/$name" ] && [ ! -d "plugins/$name" ]; then
	echo "there is no example $name; make examples lists them" >&2
	exit 2
fi
about "$name"
go build -o bin/ ./cmd/byova-host
go build -o bin/plugins/ ./plugins/echo ./plugins/wsproxy
mkdir -p recordings
if [ -f "examples/$name/steps" ]; then # at a Webex that is started with them
	go build -o bin/examples/ ./examples/media-server-dtmf
	exec go run ./internal/byodsdemo bin/byova-host bin/examples/media-server-dtmf "examples/$name"
fi

work=$(mktemp -d)
host= backend= watcher=
finish() {
	status=$?
	trap - EXIT
	for pid in $watcher $backend; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		wait "$host" || [ "$status" -ne 0 ] || status=1
	fi
	if [ "$status" -ne 0 ] && [ -f "$work/host.log" ]; then
		echo "--- the host's log:" >&2
		cat "$work/host.log" >&2
	fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# started waits for the one line that a program prints when it is ready, in the pipe $1. It
# is empty if the program has ended.
started() {
	read -r line <"$1" || true
	echo "${line##* }"
}

config=examples/$name/host.yaml
if [ -f "$config" ]; then
	if grep -q '\${BOT}' "$config"; then # a bot that is reached by WebSocket
		go build -o bin/examples/ ./examples/backends/echo-twilio
		mkfifo "$work/backend"
		bin/examples/echo-twilio --listen 127.0.0.1:0 >"$work/backend" 2>"$work/backend.log" &
		backend=$!
		BOT=$(started "$work/backend")
		export BOT
		echo "BOT=$BOT is a bot of examples/backends"
	fi
else
	if [ -f "examples/$name/main.go" ]; then
		go build -o bin/examples/ "./examples/$name"
		path=bin/examples/$name
	elif [ -f "examples/$name/bot.py" ]; then
		path=examples/$name/bot.py
		has='import cryptography, google.protobuf, grpc'
		if ! python3 -c "$has" 2>/dev/null; then
			if ! /usr/bin/python3 -c "$has" 2>/dev/null; then
				echo "no python3 has grpc, protobuf and cryptography (Debian: apt-get install python3-grpcio python3-protobuf python3-cryptography)" >&2
				exit 1
			fi
			mkdir "$work/bin" # one of the user's own stands before the system's
			ln -s /usr/bin/python3 "$work/bin/python3"
			export PATH="$work/bin:$PATH"
		fi
	else
		go build -o bin/plugins/ "./plugins/$name"
		path=bin/plugins/$name
	fi
	config=$work/host.yaml
	cat >"$config" <<-EOF
		verify_tokens: false
		speech: {engines: [clips]}
		plugins:
		  $name: {path: $PWD/$path}
	EOF
fi
echo "the host's configuration:"
sed -e '/^#/d' -e "s|$PWD/||" -e 's/^/    /' "$config"
mkfifo "$work/host"
bin/byova-host serve --config "$config" --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" \
	>"$work/host" 2>"$work/host.log" &
host=$!
addr=$(started "$work/host")
if [ -z "$addr" ]; then
	echo "the host did not start" >&2
	exit 1
fi

if [ $# -eq 0 ]; then
	if [ -f "examples/$name/call.yaml" ]; then
		set -- --script "examples/$name/call.yaml"
	fi
	set -- "$@" --record "recordings/$name.wav"
fi
echo "the call:"
if [ -f "examples/$name/meanwhile.sh" ]; then # what is done while the call is up
	mkfifo "$work/timeline"
	"examples/$name/meanwhile.sh" "unix://$work/admin.sock" <"$work/timeline" &
	watcher=$!
	status=0
	bin/byova-host call --addr "$addr" "$@" >"$work/timeline" || status=$?
	wait "$watcher"
	watcher=
	[ "$status" -eq 0 ] || exit "$status"
else
	bin/byova-host call --addr "$addr" "$@"
fi
for argument in "$@"; do
	case $argument in recordings/*.wav) echo "heard by the caller, left, and said by the bot, right: $argument" ;; esac
done
