#!/usr/bin/env bash
# Writes .sqlx anew: what the compiler knows about every query without a database.
#
#   scripts/sqlx-prepare.sh           after a query or a migration has changed
#   scripts/sqlx-prepare.sh --check   changes nothing; fails when .sqlx is not what it should be
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
check=''
case "${1:-}" in '') ;; --check) check=yes ;; *) fail "sqlx-prepare.sh knows --check, not $1" ;; esac

folder=''
stop() {
  local status=$?
  stop_services
  [ -z "$folder" ] || rm -rf "$folder"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

folder="$(private_folder sqlx)"
start_postgres "$folder" fsync=off
psql="$(postgres_bin)/psql"
[ -x "$psql" ] || psql=psql
for migration in migrations/*.sql; do
  "$psql" --quiet --no-psqlrc --set ON_ERROR_STOP=1 --single-transaction "$POSTGRES_URL" -f "$migration" >"$folder/psql.log" 2>&1 \
    || { cat "$folder/psql.log" >&2; fail "$migration does not apply"; }
done

queries="$folder/queries"
mkdir -p "$queries"
# The macros write what they learn only while the compiler runs them, so the crate has to be stale.
touch store/src/lib.rs
env -u SQLX_OFFLINE DATABASE_URL="$POSTGRES_URL" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$queries" cargo check --quiet -p computetower-store --all-features --profile "$PROFILE"

if [ -n "$check" ]; then
  diff -r "$queries" .sqlx >&2 || fail ".sqlx is out of date: make sqlx"
  say ".sqlx is up to date ($(ls "$queries" | wc -l | tr -d ' ') queries)"
else
  rm -rf .sqlx
  mkdir .sqlx
  cp "$queries"/* .sqlx/ 2>/dev/null || true
  # The next ordinary build must read the new files.
  touch store/src/lib.rs
  say "$(ls .sqlx | wc -l | tr -d ' ') queries in .sqlx"
fi
