#!/usr/bin/env bash
# computetower beside BullMQ (plain, and with a record in Postgres), RQ and arq, in turn, on the same Redis; see README.md.
#
#   bench/run.sh [computetower|bullmq|bullmq+postgres|rq|arq]...     all without a name
#   bench/run.sh chat [SHAPE]...                                     a chat page asked through computetower, and by a Playwright script; chat.py
#   bench/run.sh sessions                                            memory of many idle sessions, and of as many Playwright contexts; sessions.py
#   bench/run.sh crawl [SITE]...                                     sites to Markdown, beside Scrapy with trafilatura and Crawl4AI; crawl.py
#   bench/run.sh scale                                               computetower alone: floods, fairness, memory, dead workers
set -euo pipefail
PROFILE="${PROFILE:-release}"
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/env.sh"
if [ "${1:-}" = chat ] || [ "${1:-}" = sessions ]; then
  measure="$1"
  shift
  "$ROOT/scripts/setup.sh" demo
  python="$(python_env bench-playwright "$ROOT/bench/peers/playwright/requirements.txt")"
  cd "$ROOT"
  say "building computetower and the test site ($PROFILE)"
  cargo build --quiet --profile "$PROFILE" --package computetower --package computetower-test-site --bins
  COMPUTETOWER="$PROGRAM" BENCH_SITE="$(dirname "$PROGRAM")/computetower-test-site" PYTHONDONTWRITEBYTECODE=1 exec "$python" "bench/$measure.py" "$@"
fi
if [ "${1:-}" = crawl ]; then
  shift
  "$ROOT/scripts/setup.sh" demo
  python="$(python_env bench-crawl "$ROOT/bench/peers/crawl/requirements.txt")"
  site="$("$ROOT/tests/targets/documentation/install.sh" python3.11-doc postgresql-doc-15 rust-doc nginx)"
  cd "$ROOT"
  say "building computetower ($PROFILE)"
  cargo build --quiet --profile "$PROFILE" --package computetower --bins
  COMPUTETOWER="$PROGRAM" PYTHONDONTWRITEBYTECODE=1 exec "$python" bench/crawl.py "$site" "$site/../sbin/nginx" "$@"
fi
script=compare.py
if [ "$*" = scale ]; then
  script=scale.py
  set -- computetower
fi
for name in "$@"; do
  case "$name" in computetower | bullmq | bullmq+postgres | rq | arq) ;; *) fail "run.sh knows computetower, bullmq, bullmq+postgres, rq and arq, not $name" ;; esac
done
# wants NAMES: whether $name is among them, or there are none.
wants() { case " $* " in *" $name "*) return 0 ;; esac; [ $# = 0 ]; }
[ "$(uname)" = Linux ] || fail "the benchmark reads /proc, so it needs Linux"
"$ROOT/scripts/setup.sh" bench
cd "$ROOT"
say "building computetower ($PROFILE)"
cargo build --quiet --profile "$PROFILE" --bin computetower

# A peer that cannot be had is left out, and that is said here and under the table.
missing=''
skip() { say "skipping $1: $2"; missing="$missing $1"; }
needs_node='' needs_python=''
for name in bullmq bullmq+postgres; do wants "$@" && needs_node=yes; done
for name in rq arq; do wants "$@" && needs_python=yes; done
node=''
if [ -n "$needs_node" ]; then
  why=''
  if ! "$ROOT/scripts/setup.sh" node || ! node="$(command -v node)"; then
    why="Node.js and npm could not be installed, see above"
  elif ! "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
    why="it needs Node.js 20 or newer, and $("$node" --version) is here (Debian 12's own is too old: see https://nodejs.org)"
  elif ! cmp -s bench/peers/bullmq/package.json bench/peers/bullmq/node_modules/installed.json; then
    say "installing BullMQ and fastify"
    if (cd bench/peers/bullmq && npm_config_update_notifier=false npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2); then
      cp bench/peers/bullmq/package.json bench/peers/bullmq/node_modules/installed.json
    else
      why="npm could not install it, see above"
    fi
  fi
  [ -z "$why" ] || { node=''; skip bullmq "$why"; skip bullmq+postgres "$why"; }
fi
python=''
if [ -n "$needs_python" ] && ! python="$(python_env bench-venv "$ROOT/bench/peers/python/requirements.txt")"; then
  python=''
  skip rq "its packages could not be installed, see above"
  skip arq "its packages could not be installed, see above"
fi

folder=''
measuring=''
stop() {
  local status=$?
  trap '' INT TERM HUP
  end "$measuring" TERM 60
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
export BENCH_SERVICES="$REDIS_PID $POSTGRES_PID"
export BENCH_NODE="$node" BENCH_PYTHON="$python" BENCH_MISSING="$missing"
BENCH_COMMIT="$(git describe --always --dirty 2>/dev/null || echo '?')"
export BENCH_COMMIT BENCH_OUT="$ROOT/bench/results/last.json"
PYTHONDONTWRITEBYTECODE=1 python3 "bench/$script" "$@" &
measuring=$!
status=0
wait "$measuring" || status=$?
measuring=''
exit "$status"
