#!/usr/bin/env bash
# Fetches Debian's packages of documentation and unpacks them: nothing is installed, no root is needed. Prints the folder that is the sites' root.
#
#   install.sh [PACKAGE...]      those that the sites of compare.py need, without a name
set -euo pipefail
HOME_DIR="${COMPUTETOWER_TARGETS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/computetower-targets}/documentation"
[ $# -gt 0 ] || set -- python3.11-doc postgresql-doc-15 debian-policy rust-doc libjs-sphinxdoc
mkdir -p "$HOME_DIR/deb" "$HOME_DIR/root"
cd "$HOME_DIR/deb"
for package in "$@"; do
  [ -f "$package.unpacked" ] && continue
  apt-get -q download "$package" >/dev/null 2>&1 || { echo "install.sh: $package cannot be had from here; is apt-get update needed?" >&2; exit 1; }
  dpkg-deb -x "$package"_*.deb "$HOME_DIR/root"
  touch "$package.unpacked"
done
echo "$HOME_DIR/root/usr/share"
