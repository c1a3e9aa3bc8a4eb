#!/bin/sh
# Run pip for a virtual environment, named by its Python: its own pip, or that of the Python that made it.
set -eu
python=$1
shift
if "$python" -c 'import pip' 2>/dev/null; then
  exec "$python" -m pip "$@"
fi
maker=$("$python" -c 'import sys; print(sys._base_executable)')
exec "$maker" -m pip --python "$python" "$@"
