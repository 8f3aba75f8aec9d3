# Sourced by the other scripts: where things are, and private services that end with the script that started them.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/computetower"
export SQLX_OFFLINE=true CARGO_TERM_PROGRESS_WHEN="${CARGO_TERM_PROGRESS_WHEN:-auto}"
PROFILE="${PROFILE:-dev}"
case "$PROFILE" in dev | test) PROFILE_DIR=debug ;; *) PROFILE_DIR="$PROFILE" ;; esac
PROGRAM="${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE_DIR/computetower"
# rustup's folder is in the PATH of new shells only.
[ -d "${CARGO_HOME:-${HOME:-}/.cargo}/bin" ] && PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin"

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    [ -n "$name" ] && command -v "$name" 2>/dev/null && return
  done
  return 0
}

# The folder with postgres and initdb, the newest first; Debian keeps them out of the PATH.
postgres_bin() {
  local folder
  for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin 2>/dev/null | sort -t/ -k5,5 -rV) \
    "$(dirname "$(command -v postgres 2>/dev/null || echo /none/postgres)")"; do
    if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ]; then echo "$folder"; return; fi
  done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# PostgreSQL refuses to run as root.
SERVICE_USER=''
if [ "$(id -u)" = 0 ]; then
  SERVICE_USER=nobody
  id postgres >/dev/null 2>&1 && SERVICE_USER=postgres
fi
as_service() { if [ -n "$SERVICE_USER" ]; then exec setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --clear-groups -- "$@"; else exec "$@"; fi; }

# A new folder that the service user can enter; $1 names what it is for.
private_folder() {
  local folder
  folder="$(mktemp -d "${TMPDIR:-/tmp}/computetower-$1.XXXXXX")"
  if [ -n "$SERVICE_USER" ]; then
    chmod 755 "$folder"
    if ! (as_service test -x "$folder"); then rm -rf "$folder"; folder="$(mktemp -d "/tmp/computetower-$1.XXXXXX")"; chmod 755 "$folder"; fi
  fi
  echo "$folder"
}

# start_postgres FOLDER [SETTING...]: a new cluster on a free port of 127.0.0.1; sets POSTGRES_PID and POSTGRES_URL (a superuser's).
start_postgres() {
  local folder="$1/postgres" bin port setting settings=()
  shift
  bin="$(postgres_bin)"
  [ -n "$bin" ] || fail "no PostgreSQL server here: scripts/setup.sh run"
  mkdir -p "$folder"
  [ -z "$SERVICE_USER" ] || chown "$SERVICE_USER" "$folder"
  (cd / && as_service "$bin/initdb" -D "$folder/data" -U computetower -A trust -E UTF8 --locale=C --no-sync) >"$folder.log" 2>&1 \
    || { tail -n 20 "$folder.log" >&2; fail "PostgreSQL's initdb did not work"; }
  port="$(free_port)"
  for setting in "$@"; do settings+=(-c "$setting"); done
  (cd / && as_service "$bin/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    ${settings[@]+"${settings[@]}"}) >>"$folder.log" 2>&1 </dev/null &
  POSTGRES_PID=$!
  POSTGRES_URL="postgres://computetower@127.0.0.1:$port/postgres"
  for _ in $(seq 300); do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return
    kill -0 "$POSTGRES_PID" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$folder.log" >&2
  fail "PostgreSQL did not start"
}

# start_redis FOLDER [ARGUMENT...]: sets REDIS_PID and REDIS_URL.
start_redis() {
  local folder="$1/redis" port
  shift
  mkdir -p "$folder"
  [ -z "$SERVICE_USER" ] || chown "$SERVICE_USER" "$folder"
  port="$(free_port)"
  (cd "$folder" && as_service redis-server --bind 127.0.0.1 --port "$port" --save '' --dir "$folder" "$@") >"$folder.log" 2>&1 </dev/null &
  REDIS_PID=$!
  REDIS_URL="redis://127.0.0.1:$port"
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'PING\r\n' >&3 && read -r -t 1 line <&3 && [ "${line%%PONG*}" = + ]) 2>/dev/null; then return; fi
    kill -0 "$REDIS_PID" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$folder.log" >&2
  fail "Redis did not start"
}

# end PID SIGNAL SECONDS: signals a process and waits; kills it when it does not end.
end() {
  local pid="${1:-}" n
  [ -n "$pid" ] || return 0
  kill "-$2" "$pid" 2>/dev/null || return 0
  for ((n = 0; n < $3 * 10; n++)); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL "$pid" 2>/dev/null || true
}

stop_services() {
  end "${POSTGRES_PID:-}" INT 10
  end "${REDIS_PID:-}" TERM 5
  POSTGRES_PID='' REDIS_PID=''
}

# python_env NAME REQUIREMENTS: makes a Python environment in the cache folder once; prints its python.
python_env() {
  local folder="$CACHE/$1"
  if ! cmp -s "$2" "$folder/installed.txt"; then
    say "preparing Python packages: $(grep -v '^#' "$2" | tr '\n' ' ')"
    mkdir -p "$CACHE"
    rm -rf "$folder"
    python3 -m venv "$folder" >&2 || fail "cannot make a Python environment: scripts/setup.sh demo"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2" >&2 </dev/null \
      || fail "the Python packages could not be installed: is the network there, and the disk not full?"
    cp "$2" "$folder/installed.txt"
  fi
  echo "$folder/bin/python"
}

# find_node: prints the path of Node.js 20 or newer with npm beside it: this machine's, else one from PyPI, which takes no root.
find_node() {
  local node
  node="$(command -v node || true)"
  if [ -n "$node" ] && command -v npm >/dev/null && "$node" -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then
    echo "$node"
    return
  fi
  echo "$(dirname "$(python_env node-venv "$ROOT/tests/clients/node-requirements.txt")")/node"
}

# node_env NAME FOLDER NODE: installs what FOLDER/package-lock.json names in the cache folder once; prints the folder with its node_modules.
node_env() {
  local folder="$CACHE/$1"
  if ! cmp -s "$2/package-lock.json" "$folder/installed.json"; then
    say "preparing npm packages of $2/package.json"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$2/package.json" "$2/package-lock.json" "$folder/"
    (cd "$folder" && PATH="$(dirname "$3"):$PATH" npm ci --no-audit --no-fund --loglevel=error --ignore-scripts) >&2 </dev/null \
      || fail "the npm packages could not be installed: is the network there, and the disk not full?"
    cp "$2/package-lock.json" "$folder/installed.json"
  fi
  echo "$folder"
}
