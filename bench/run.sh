#!/usr/bin/env bash
# computetower beside BullMQ, in turn, on the same Redis; see README.md.
#
#   bench/run.sh [computetower|bullmq]      both without a name
set -euo pipefail
PROFILE="${PROFILE:-release}"
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/env.sh"
"$ROOT/scripts/setup.sh" bench
cd "$ROOT"
[ "$(uname)" = Linux ] || fail "the benchmark reads /proc, so it needs Linux"
say "building computetower ($PROFILE)"
cargo build --quiet --profile "$PROFILE" --bin computetower
if ! cmp -s bench/peers/bullmq/package.json bench/peers/bullmq/node_modules/installed.json; then
  say "installing BullMQ and fastify"
  (cd bench/peers/bullmq && npm_config_update_notifier=false npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2) || fail "npm could not install the peer"
  cp bench/peers/bullmq/package.json bench/peers/bullmq/node_modules/installed.json
fi

folder=''
measuring=''
stop() {
  local status=$?
  trap '' INT TERM HUP
  end "$measuring" TERM 30
  stop_services
  [ -z "$folder" ] || rm -rf "$folder"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

folder="$(private_folder bench)"
# Postgres as it comes, so each commit is on the disk; Redis writes its log every second.
start_postgres "$folder"
start_redis "$folder" --appendonly yes --appendfsync everysec
psql="$(postgres_bin)/psql"
[ -x "$psql" ] || psql=psql
mkdir -p bench/results
export BENCH_PROGRAM="$PROGRAM" BENCH_PSQL="$psql" BENCH_POSTGRES_URL="$POSTGRES_URL" BENCH_REDIS_URL="$REDIS_URL" BENCH_FOLDER="$folder"
export BENCH_OUT="$ROOT/bench/results/last.json"
node bench/measure.mjs "$@" &
measuring=$!
status=0
wait "$measuring" || status=$?
measuring=''
exit "$status"
