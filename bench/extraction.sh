#!/usr/bin/env bash
# Main content: precision, recall and F1 of ours and of three other crates on the pages of DATA (a folder with
# ground-truth.json and html/*.html.gz, as the article extraction benchmark has them), and the time each takes.
#   bench/extraction.sh DATA [--half 0|1] [--show N] [--out DIR]
# PEERS=0 leaves the others out, and with them most of what has to be compiled.
set -euo pipefail
data=$(realpath "${1:?usage: bench/extraction.sh DATA [--half 0|1] [--show N] [--out DIR]}")
shift
here=$(cd "$(dirname "$0")" && pwd)
features=(--features peers)
[ "${PEERS:-1}" = 0 ] && features=()
target=${BENCH_TARGET_DIR:-$here/../target/bench-extraction}
(cd "$here/extraction" && cargo build --quiet --release --locked "${features[@]}" --target-dir "$target")
exec "$target/release/bench-extraction" "$data" "$@"
