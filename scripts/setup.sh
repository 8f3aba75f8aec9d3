#!/usr/bin/env bash
# Installs what is missing, and nothing else. Quick when all is there.
#
#   scripts/setup.sh [PART...]     run (default), demo, test, check, bench, node; each brings what it stands on
#
# Debian and Ubuntu: apt-get, as root or through sudo where it asks for no password; anybody else is told which
# packages to have installed. macOS: Homebrew's names, untried. Rust itself is never installed here, only asked for.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

packages=() tools=() missing=()

# lacks WHAT PACKAGE...: remembers that they are to be installed, once.
lacks() {
  case ", ${missing[*]-}, " in *", $1,"*) return ;; esac
  missing+=("$1,")
  shift
  packages+=("$@")
}

# need PACKAGE WHAT COMMAND...: remembers the package unless one of the commands is there.
need() {
  local package="$1" what="$2" command
  shift 2
  for command in "$@"; do command -v "$command" >/dev/null 2>&1 && return; done
  lacks "$what" "$package"
}

need_run() {
  need curl curl curl
  need make make make gmake
  # A compiler alone is not enough: without the C library's headers nothing links.
  echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null 2>/dev/null || lacks "a C compiler" gcc libc6-dev
  [ -n "$(postgres_bin)" ] || lacks "the PostgreSQL server" postgresql
  need redis-server redis-server redis-server
  [ -n "$(find_chromium)" ] || lacks Chromium chromium
}

need_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && return
  lacks "Python 3.10 or newer with venv" python3 python3-venv
}

need_node() {
  need nodejs "Node.js 20" node
  need npm npm npm
}

# Programs that a worker reads scanned pages, sound and film with, where they are installed; the tests want to see them at work.
need_readers() {
  need poppler-utils "pdftoppm" pdftoppm
  need tesseract-ocr tesseract tesseract
  need ffmpeg ffmpeg ffmpeg
}

need_tool() { command -v "$1" >/dev/null 2>&1 || tools+=("$1"); }

for part in "${@:-run}"; do
  case "$part" in
    run) need_run ;;
    demo) need_run; need_python ;;
    test) need_run; need_python; need_readers; need_tool cargo-nextest ;;
    check) need_run; need_tool cargo-deny ;;
    bench) need_run; need_python ;;
    node) need_node ;;
    *) fail "setup.sh knows run, demo, test, check, bench and node, not $part" ;;
  esac
done

brew_name() {
  case "$1" in
    postgresql) echo postgresql@17 ;;
    redis-server) echo redis ;;
    nodejs) echo node ;;
    npm | python3-venv | libc6-dev) ;;
    *) echo "$1" ;;
  esac
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Says in one line why an installation failed, and shows the end of its log.
explain() {
  tail -n 15 "$1" >&2
  if grep -qiE 'no space left' "$1"; then fail "the disk is full: make room and start again"; fi
  if grep -qiE 'could not resolve|temporary failure|unable to connect|connection timed out|network is unreachable|failed to fetch|spurious network' "$1"; then
    fail "the package server cannot be reached: check the network (and HTTP_PROXY, if there is one) and start again"
  fi
  if grep -qiE 'could not get lock|is another process using it' "$1"; then fail "another installation is running: wait for it and start again"; fi
  fail "installing did not work, see the lines above"
}

# Installs Debian packages without letting them start services: what runs on this machine is not for us to decide.
apt_install() {
  local log policy=/usr/sbin/policy-rc.d ours='' service stopped=()
  log="$(mktemp)"
  for service in postgresql redis-server; do
    case " $* " in *" $service "*) [ -e "/lib/systemd/system/$service.service" ] || stopped+=("$service") ;; esac
  done
  if [ ! -e "$policy" ]; then
    ours=yes
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
  fi
  say "installing $* (apt-get)"
  local status=0
  { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null || status=$?
  [ -z "$ours" ] || as_root rm -f "$policy"
  if [ "$status" = 0 ] && [ -d /run/systemd/system ]; then
    for service in ${stopped[@]+"${stopped[@]}"}; do as_root systemctl disable --quiet "$service" >>"$log" 2>&1 || true; done
  fi
  [ "$status" = 0 ] || explain "$log"
  rm -f "$log"
}

if [ ${#packages[@]} -gt 0 ]; then
  all="${missing[*]}"
  say "not here yet: ${all%,}"
  if command -v apt-get >/dev/null 2>&1; then
    # Ubuntu calls its Chromium by another name.
    if [[ " ${packages[*]} " == *" chromium "* ]] && ! apt-cache show chromium >/dev/null 2>&1 && apt-cache show chromium-browser >/dev/null 2>&1; then
      packages=("${packages[@]/#chromium/chromium-browser}")
    fi
    if [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }; then
      apt_install "${packages[@]}"
    else
      fail "have an administrator run this, then start again:

    apt-get update && apt-get install -y ${packages[*]}"
    fi
  elif command -v brew >/dev/null 2>&1; then
    formulas=()
    for package in "${packages[@]}"; do formulas+=($(brew_name "$package")); done
    say "installing ${formulas[*]} (Homebrew; this way is untried)"
    brew install "${formulas[@]}"
  else
    fail "no apt-get and no Homebrew here: please install, by whatever this system has: ${all%,}"
  fi
fi

if ! command -v cargo >/dev/null 2>&1; then
  fail "Rust is missing. Its own installer is the way to get it (see https://rustup.rs):

    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh

Then open a new terminal and start again."
fi
# The version that Cargo.toml asks for, and the one that is here, compared number by number.
wanted="$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -n 1)"
found="$(rustc --version 2>/dev/null | sed 's/^rustc \([0-9.]*\).*/\1/')"
[ -n "$found" ] || fail "cargo is here, but rustc does not run; 'rustup default stable' usually mends that"
if [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" != "$wanted" ]; then
  fail "Rust $wanted or newer is needed, and $found is here: rustup update stable"
fi

for tool in ${tools[@]+"${tools[@]}"}; do
  say "installing $tool (cargo install; this takes some minutes)"
  log="$(mktemp)"
  cargo install --locked "$tool" >"$log" 2>&1 </dev/null || explain "$log"
  rm -f "$log"
done

free_kib="$(df -Pk "$ROOT" | awk 'NR == 2 { print $4 }')"
if [ ! -d "$ROOT/target" ] && [ "${free_kib:-0}" -lt 6000000 ]; then
  say "note: $((free_kib / 1024)) MB are free here; a build takes about 5 GB"
fi
