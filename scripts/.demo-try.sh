#!/usr/bin/env bash
# The main job, start to end: a chat app that has only a web page gets an API, and answers through it.
# Starts everything, and ends everything again. Status 0 when all of it worked.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
DEMO="$ROOT/examples/demo-chat"

"$ROOT/scripts/setup.sh" demo
say "building computetower"
PROGRAM=/tmp/ct/house-bin
PYTHON="$(python_env demo-venv "$DEMO/requirements.txt")"

work="$(private_folder demo)"
tower='' app=''
stop() {
  local status=$?
  trap '' INT TERM HUP
  end "$app" TERM 5
  end "$tower" TERM 15
  if [ "$status" != 0 ]; then
    for log in "$work"/*.log; do
      [ -s "$log" ] || continue
      printf '\n--- the last lines of %s\n' "$(basename "$log")" >&2
      tail -n 25 "$log" >&2
    done
    printf '\nThe demo did not work; its logs are in %s\n' "$work" >&2
  else
    rm -rf "$work"
    printf '\nAll of it worked, and everything that was started has ended.\n'
  fi
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A field of the banner that `up` prints.
banner() { sed -n "s/^ *$1  *\([^ ]*\).*/\1/p" "$work/computetower.log" 2>/dev/null | tail -n 1; }

# The usual port, or any free one when it is taken.
bind="${COMPUTETOWER_BIND:-127.0.0.1:7080}"
if (exec 3<>"/dev/tcp/${bind%:*}/${bind##*:}") 2>/dev/null; then bind=127.0.0.1:0; fi

printf '\n0. Start computetower and the demo app\n'
export CHROMIUM="$(find_chromium)" COMPUTETOWER_BIND="$bind"
"$PROGRAM" up >"$work/computetower.log" 2>&1 </dev/null &
tower=$!
password="$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')"
port="$(free_port)"
NICEGUI_STORAGE_PATH="$work/storage" PORT="$port" DEMO_PASSWORD="$password" "$PYTHON" "$DEMO/app.py" >"$work/demo-app.log" 2>&1 </dev/null &
app=$!

for _ in $(seq 600); do
  if ! kill -0 "$tower" 2>/dev/null; then
    [ -z "${elsewhere:-}" ] || fail "computetower ended while starting"
    # Most likely one runs on the usual data folder already; it is left alone.
    elsewhere="$work/data"
    mv "$work/computetower.log" "$work/computetower-first.log"
    COMPUTETOWER_DATA_DIR="$elsewhere" "$PROGRAM" up >"$work/computetower.log" 2>&1 </dev/null &
    tower=$!
  fi
  kill -0 "$app" 2>/dev/null || fail "the demo app ended while starting"
  [ -n "$(banner address)" ] && [ -n "$(banner 'admin key')" ] && curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$port/" && break
  sleep 0.2
done
[ -n "$(banner 'admin key')" ] || fail "computetower was not ready within two minutes"
curl -s -o /dev/null --max-time 5 "http://127.0.0.1:$port/" || fail "the demo app does not answer"
echo "  computetower  $(banner address)"
echo "  demo app      http://127.0.0.1:$port/   a chat page behind a login, without any API"

screenshot="${CARGO_TARGET_DIR:-$ROOT/target}/demo-screenshot.jpg"
"$PYTHON" -u "$DEMO/ask.py" "$(banner address)" "$(banner 'api key')" "$(banner 'admin key')" "http://127.0.0.1:$port/" demo "$password" "$screenshot"
