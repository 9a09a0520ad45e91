#!/bin/sh
# Calls are up while the bot behind them is swapped for another version, killed, and
# rolled back. `make swap-demo` builds what it needs and runs it. It ends by itself,
# with 1 if a call noticed more than a pause.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
host= callers=
finish() {
	status=$?
	trap - EXIT
	exec 3>&- || true # the callers' end
	for pid in $callers $host; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
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
trap '' PIPE # what cannot be written is an error

say() { printf '\n%s\n' "$*"; }
# plugins runs a command of byova-host and prints both, without the paths of a list.
plugins() {
	echo "  \$ byova-host plugins $*" | sed "s|$work/||g"
	bin/byova-host plugins "$@" --admin "unix://$work/admin.sock" >"$work/printed"
	awk 'NR == 1 { width = index($0, "PATH") - 1 } { print "    " (width > 0 ? substr($0, 1, width) : $0) }' "$work/printed"
}
# ask has the callers do something, and prints how that went.
ask() {
	echo "$*" >&3
	if ! read -r said <&4; then
		echo "swap-demo: a call noticed" >&2
		exit 1
	fi
	echo "  > $said"
}
# kill_echo kills the process that plugins list shows.
kill_echo() {
	pid=$(awk '$1 == "echo" { print $5 }' "$work/printed")
	echo "  \$ kill -9 $pid"
	kill -9 "$pid"
}

for version in 1.0.0 2.0.0; do
	CGO_ENABLED=0 go build -ldflags "-X main.version=$version" -o "$work/$version/echo" ./plugins/echo
done
CGO_ENABLED=0 go build -o "$work/callers" ./internal/swapdemo
mkfifo "$work/out" "$work/asked" "$work/said"
bin/byova-host serve --listen 127.0.0.1:0 --admin "unix://$work/admin.sock" --verify-tokens=false \
	--plugin "$work/1.0.0/echo" >"$work/out" 2>"$work/host.log" &
host=$!
read -r line <"$work/out" || true # empty if the host ended
addr=${line#listening on }
if [ -z "$addr" ]; then
	echo "swap-demo: the host did not start" >&2
	exit 1
fi
"$work/callers" "$addr" <"$work/asked" >"$work/said" &
callers=$!
exec 3>"$work/asked" 4<"$work/said"

say "byova-host serves on $addr with echo 1.0.0, which counts its answers in each call."
ask place 20
ask press 12
ask press 3
ask count
plugins list

say "Echo 2.0.0 takes its place. The calls move to it between two turns, and new ones go there."
plugins swap echo "$work/2.0.0/echo" --policy move
ask press 45
ask place 5
ask count
plugins list

say "Its process is killed. Another one takes the calls, and knows each count."
kill_echo
ask press 6
ask count
plugins list

say "And back to 1.0.0, with the same calls."
plugins rollback echo --policy move
ask press 78
ask count
plugins list

say "Nobody heard more than a pause."
ask hang up
