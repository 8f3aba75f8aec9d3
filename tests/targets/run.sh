#!/usr/bin/env bash
# Real chat apps from PyPI and npm, to try the platform on.
#
#   run.sh list                     the names
#   run.sh install [NAME...]        installs them (all, without a name); quick when that was done
#   run.sh up NAME                  starts one and stays in the foreground until Ctrl-C; prints
#                                   TARGET {"name","url","user","password","totp","chat","misdrawn"} once it answers
#   run.sh check [--deep] [NAME...] drives them through `computetower up`, see check.py
#
# Environment: COMPUTETOWER_TARGETS_DIR (the cache folder's computetower-targets), PORT (of `up`, any free one),
# KEEP_DATA=1 (do not start from an empty data folder), MODEL_* (see echo_model.py).
set -euo pipefail
SOURCE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
HOME_DIR="${COMPUTETOWER_TARGETS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/computetower-targets}"
export PYTHON="${PYTHON:-python3}"
# Nothing that is started here reports to anybody.
export npm_config_update_notifier=false DO_NOT_TRACK=1 SCARF_NO_ANALYTICS=true HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

names() { for file in "$SOURCE"/*/target.sh; do basename "$(dirname "$file")"; done; }
die() { echo "run.sh: $*" >&2; exit 1; }

# Sets HERE, VENV, NODE and what target.sh says about the target $1.
load() {
  HERE="$SOURCE/$1"
  [ -f "$HERE/target.sh" ] || die "no target named $1; there are: $(names | tr '\n' ' ')"
  user='' password='' totp='' path=/ chat=yes misdrawn='' venv="$1"
  . "$HERE/target.sh"
  VENV="$HOME_DIR/$venv/venv" NODE="$HOME_DIR/$1/node"
}

install_one() {
  load "$1"
  if [ -f "$HERE/requirements.txt" ] && ! cmp -s "$HERE/requirements.txt" "$VENV/installed.txt"; then
    echo "installing $1 ($(tr '\n' ' ' <"$HERE/requirements.txt"))"
    "$PYTHON" -m venv "$VENV" || die "cannot make a Python environment: is python3-venv installed?"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r "$HERE/requirements.txt"
    cp "$HERE/requirements.txt" "$VENV/installed.txt"
  fi
  if [ -f "$HERE/package.json" ] && ! cmp -s "$HERE/package.json" "$NODE/installed.json"; then
    command -v npm >/dev/null || die "$1 needs npm (package nodejs and npm)"
    echo "installing $1 with npm"
    mkdir -p "$NODE"
    cp "$HERE/package.json" "$NODE/package.json"
    (cd "$NODE" && npm install --no-audit --no-fund --loglevel=error --ignore-scripts)
    cp "$HERE/package.json" "$NODE/installed.json"
  fi
}

up() {
  install_one "$1" >&2
  export PORT="${PORT:-$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}"
  export DATA="$HOME_DIR/data/$1-$PORT" APP_USER="$user" APP_PASSWORD="$password" APP_TOTP="$totp" PYTHONPATH="$SOURCE"
  [ -n "${KEEP_DATA:-}" ] || rm -rf "$DATA"
  mkdir -p "$DATA"
  cd "$DATA"
  (serve) >"$DATA/server.log" 2>&1 </dev/null &
  server=$!
  trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; [ -n "${KEEP_DATA:-}" ] || rm -rf "$DATA"' EXIT
  trap 'exit 0' INT TERM HUP
  url="http://127.0.0.1:$PORT$path"
  for _ in $(seq 600); do
    kill -0 "$server" 2>/dev/null || { tail -20 "$DATA/server.log" >&2; die "$1 ended while starting"; }
    curl --silent --output /dev/null --max-time 5 "$url" && break
    sleep 0.2
  done
  printf 'TARGET {"name":"%s","url":"%s","user":"%s","password":"%s","totp":"%s","chat":"%s","misdrawn":"%s"}\n' "$1" "$url" "$user" "$password" "$totp" "$chat" "$misdrawn"
  wait "$server" || { tail -20 "$DATA/server.log" >&2; die "$1 ended by itself"; }
}

command="${1:-}"
[ $# -gt 0 ] && shift
case "$command" in
  list) names ;;
  install) for name in ${@:-$(names)}; do install_one "$name"; done ;;
  up) [ $# -eq 1 ] || die "up takes one name of: $(names | tr '\n' ' ')"; up "$1" ;;
  check) exec "$PYTHON" "$SOURCE/check.py" "$@" ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
