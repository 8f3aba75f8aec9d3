#!/usr/bin/env bash
# Runs every test against a private, throw-away Postgres and Redis, which end with it.
#
#   scripts/test.sh [ARGUMENTS OF cargo nextest run...]     e.g.  -p computetower-store   or   chat::
#
# Without a package among the arguments the whole workspace is tested. The exit status is nextest's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/setup.sh" test
cd "$ROOT"

scope=(--workspace)
for argument in "$@"; do case "$argument" in -p | -p* | --package* | --workspace | --manifest-path*) scope=() ;; esac; done
build=(--cargo-profile "$PROFILE")
# nextest's own word for the plain profile.
[ "$PROFILE" != dev ] || build=()

folder=''
stop() {
  local status=$?
  trap '' INT TERM HUP
  stop_services
  [ -z "$folder" ] || rm -rf "$folder"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

TEST_OPENAI_PYTHON="$(python_env clients-venv "$ROOT/tests/clients/requirements.txt")"
TEST_NODE="$(find_node)"
TEST_OPENAI_JS="$(node_env clients-node "$ROOT/tests/clients" "$TEST_NODE")"
CHROMIUM="$(find_chromium)"
folder="$(private_folder test)"
start_postgres "$folder" fsync=off synchronous_commit=off full_page_writes=off max_connections=300 shared_buffers=128MB
start_redis "$folder" --appendonly no
export TEST_DATABASE_URL="$POSTGRES_URL" TEST_REDIS_URL="$REDIS_URL" TEST_OPENAI_PYTHON TEST_NODE TEST_OPENAI_JS CHROMIUM

# Programs that tests start as processes are built too, once, before the first test.
cargo build --workspace --bins --examples --profile "$PROFILE"
status=0
# Threads of the tests have the stack that those of the program have (STACK in src/cli/mod.rs).
export RUST_MIN_STACK=16777216
cargo nextest run ${scope[@]+"${scope[@]}"} ${build[@]+"${build[@]}"} "$@" </dev/null || status=$?
exit "$status"
