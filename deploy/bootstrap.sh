#!/bin/sh
# Makes .venv and installs a lock file into it, once: `deploy/bootstrap.sh run` for requirements.lock, `... test` for
# requirements-dev.lock. Plain sh, so that a machine without Python, or with an old one, gets a sentence and no traceback.
# PYTHON=/path/to/python chooses the Python.
set -u
cd "$(dirname "$0")/.." || exit 1

case "${1:-}" in
    run) lock=requirements.lock ;;
    test) lock=requirements-dev.lock ;;
    *) echo "usage: deploy/bootstrap.sh run|test" >&2; exit 2 ;;
esac
stamp=".venv/.$lock.installed"
log=.venv/install.log
child=

fail() {
    echo "$*" >&2
    exit 1
}

stop() {
    trap '' INT TERM HUP
    [ -n "$child" ] && kill "$child" 2>/dev/null && wait "$child" 2>/dev/null
    exit 130
}

# What is installed depends on these; the folder, because a moved environment does not work.
wanted() {
    pwd
    cksum "$lock" pyproject.toml
}

works() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

version_of() {
    "$1" -c 'import sys; print(".".join(map(str, sys.version_info[:2])))' 2>/dev/null
}

# 3.14 comes last: not every package has a build for it yet.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        works "$PYTHON" && { echo "$PYTHON"; return; }
        fail "PYTHON=$PYTHON is not Python 3.11 or newer."
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        works "$candidate" || continue
        [ "$candidate" = python3 ] && [ "$(version_of python3)" = 3.14 ] && continue
        echo "$candidate"
        return
    done
    old=$(version_of python3 || version_of python)
    fail "Lectern needs Python 3.11 or newer, here is ${old:-none}: install one (Debian, Ubuntu: apt install python3.11 python3.11-venv) or name it with PYTHON=/path/to/python3.11."
}

# One line for the person, the noise into the log; the command runs behind, so that a signal ends it at once.
quietly() {
    "$@" >>"$log" 2>&1 </dev/null &
    child=$!
    wait "$child"
    status=$?
    child=
    return $status
}

# The reason of a failed installation, as one sentence.
explain() {
    if grep -q -e "No space left on device" -e "Disk quota exceeded" "$log" 2>/dev/null; then
        fail "No space left in $PWD: free about 500 MB and run it again."
    elif grep -q -e "DO NOT MATCH THE HASHES" "$log"; then
        fail "A package is not the one that $lock names (its hash differs): ask who runs your package index; see $log."
    elif grep -q -e "NewConnectionError" -e "ConnectTimeout" -e "name resolution" -e "ProxyError" -e "Read timed out" "$log"; then
        fail "The package index cannot be reached: check the network, or PIP_INDEX_URL and PIP_PROXY; see $log."
    elif grep -q -e "No matching distribution" -e "Failed building wheel" -e "Failed to build" "$log"; then
        fail "$(grep -e "^ERROR: No matching" -e "^ERROR: Failed" "$log" | tail -n 1 | cut -c 8-): there is no build for Python $(version_of .venv/bin/python) on $(uname -sm); choose another with PYTHON=/path/to/python3.11."
    fi
    fail "The packages could not be installed: $(grep -v '^$' "$log" | tail -n 1) (see $log)."
}

make_environment() {
    python=$(find_python) || exit 1
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "Python $(version_of "$python") lacks its venv module: install it (Debian, Ubuntu: apt install python3-venv, or python$(version_of "$python")-venv) and run it again."
    rm -rf .venv 2>/dev/null
    mkdir .venv 2>/dev/null || fail "$PWD cannot be written to: clone Lectern into a folder of your own, or free some space."
    echo "Making .venv with Python $(version_of "$python") ..."
    quietly "$python" -m venv .venv && return
    mv "$log" install.log.$$ 2>/dev/null
    reason=$(tail -n 1 install.log.$$ 2>/dev/null)
    grep -q "No space left" install.log.$$ 2>/dev/null && reason="no space left"
    # A half-made environment would look like a whole one next time.
    rm -rf .venv install.log.$$
    fail "Python $(version_of "$python") could not make .venv (${reason:-no reason given}); on Debian and Ubuntu: apt install python3-venv."
}

[ "$(cat "$stamp" 2>/dev/null)" = "$(wanted)" ] && [ -x .venv/bin/python ] && exit 0

trap stop INT TERM HUP
# Settings of other projects' environments would change what is installed, and where.
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
if [ -z "${HOME:-}" ] || ! mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}/pip" 2>/dev/null || [ ! -w "${XDG_CACHE_HOME:-$HOME/.cache}/pip" ]; then
    export PIP_NO_CACHE_DIR=1
fi

if [ "$(cat .venv/.folder 2>/dev/null)" != "$PWD" ] || ! works .venv/bin/python ||
    ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    make_environment
fi
[ -w .venv ] || fail "$PWD/.venv belongs to another user: remove it, or run as that user."
pwd >.venv/.folder 2>/dev/null || fail "No space left in $PWD: free about 500 MB and run it again."
: >"$log"
rm -f .venv/.requirements*.installed

echo "Installing $(grep -c '^[a-z].*==' "$lock") packages into .venv (once, about a minute) ..."
quietly .venv/bin/python -m pip install --require-hashes --no-deps --progress-bar off -r "$lock" || explain
quietly .venv/bin/python -m pip install --no-deps --no-index --no-build-isolation -e . || explain
wanted >"$stamp" || fail "No space left in $PWD: free some and run it again."
