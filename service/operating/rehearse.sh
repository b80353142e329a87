#!/bin/sh
# Try an installation: start it, send it one webhook, ask about the customer, and stop it.
#
#   rehearse.sh TARGET
#
# TARGET is that of install.sh. It runs in a fresh directory, with a PostgreSQL of its own, and not as
# root. The exit status is 0 if all of it worked.
set -eu

bin=$1/bin
work=$(mktemp -d)
cd "$work"
export HOME="$work" DAYBOOK_DATA_DIR="$work/data"

"$bin/daybook" serve --port 0 >out 2>err &
service=$!
finish() {
    status=$?
    kill -KILL "$service" 2>/dev/null || true
    [ "$status" = 0 ] || cat out err >&2
    cd /
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

value() { sed -n "s/^ *$1=//p" out; }
ask() { "$bin/python" -c 'import sys, urllib.request as r
print(r.urlopen(r.Request(sys.argv[1], headers={"authorization": "Bearer " + sys.argv[2]}), timeout=30).read().decode())' "$@"; }

tries=0
until [ -n "$(value KEY)" ] && ask "$(value URL)/readyz" none 2>/dev/null; do
    kill -0 "$service"
    tries=$((tries + 1))
    [ "$tries" -lt 120 ]
    sleep 0.5
done

"$bin/daybook" trigger subscription.active --customer cus_1 --to "$(value URL)/webhooks/test" --secret "$(value SECRET)"
ask "$(value URL)/v1/customers/cus_1/access?min_position=1" "$(value KEY)" | tee answer
grep -q '"entitled":true' answer

kill -TERM "$service"
wait "$service"
echo "It was installed, started, asked and stopped."
