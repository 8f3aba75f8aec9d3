#!/usr/bin/env bash
# Real documentation, read through `computetower up` and counted against the files on disk: see compare.py.
#
#   run.sh [SITE...]        python, postgresql, policy without a name; rust when it is named
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$("$HERE/install.sh")"
PYTHONDONTWRITEBYTECODE=1 exec "${PYTHON:-python3}" "$HERE/compare.py" "$root" "$@"
