#!/bin/sh
# Makes .venv with a new enough Python and hands over to install.py, which is quick when nothing changed.
# Usage: tools/setup.sh demo|dev     PYTHON=... chooses the interpreter
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "cliploom setup: $1" >&2
    exit 2
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is no Python 3.11 or newer. Name one that is, or leave PYTHON out."
    fi
    fail "Python 3.11 or newer is needed and was not found. Install it with: sudo apt install python3 python3-venv (or name one: make setup PYTHON=/path/to/python3.11)"
}

# A virtual environment keeps absolute paths: one that was made here before the checkout moved is useless.
moved() {
    [ -f .venv/checkout ] && [ "$(cat .venv/checkout)" != "$PWD" ]
}

if ! new_enough .venv/bin/python || moved; then
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "this Python cannot make virtual environments. Install what is missing with: sudo apt install python3-venv"
    "$python" -m venv --clear .venv
fi
echo "$PWD" >.venv/checkout
exec .venv/bin/python tools/install.py "$1"
