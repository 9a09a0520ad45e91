#!/bin/sh
# Reads the call's timeline and prints it. After the second key is answered it swaps the
# bot, here for the same file, and after the third it kills the bot's process.
set -eu
admin=$1 played=0

plugins() {
	echo "  \$ byova-host plugins $*"
	bin/byova-host plugins "$@" --admin "$admin" | sed 's/^/    /'
}

while read -r line; do
	echo "$line"
	case $line in *"prompt played"*) played=$((played + 1)) ;; *) continue ;; esac
	case $played in
	3) plugins swap saved-state bin/examples/saved-state --policy move ;;
	4)
		pid=$(bin/byova-host plugins list --admin "$admin" --json | sed -n 's/.*"pid": *\([1-9][0-9]*\).*/\1/p')
		echo "  \$ kill -9 $pid"
		kill -9 "$pid"
		;;
	esac
done
