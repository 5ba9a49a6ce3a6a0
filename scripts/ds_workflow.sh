#!/usr/bin/env bash
# The door mat: every command lives in Python. Works from any folder and through a symbolic link; the folder that
# the user stands in stays the default workspace.
set -euo pipefail

self=${BASH_SOURCE[0]}
while [[ -L $self ]]; do
    target=$(readlink "$self")
    [[ $target == /* ]] || target=$(dirname "$self")/$target
    self=$target
done
checkout=$(cd "$(dirname "$self")/.." && pwd -P)

if [[ -n ${DS_WORKFLOW_PYTHON:-} ]]; then
    python=$DS_WORKFLOW_PYTHON
elif [[ -x $checkout/.venv/bin/python ]]; then
    python=$checkout/.venv/bin/python
else
    python=python3
    if ! command -v "$python" >/dev/null || ! "$python" -c 'import click' 2>/dev/null; then
        echo "Nothing is installed here yet. Run 'make install' in $checkout, then try again." >&2
        exit 4
    fi
fi

# The checkout's own code wins over an installed copy, and over whatever lies in the folder the user stands in (-P).
export PYTHONPATH=$checkout${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -P -m ds_workflow "$@"
