#!/bin/sh
# Print a Python that can make auditproxy's virtual environment: 3.11 or newer, with venv and pip.
# Arguments are the only ones to try; without any, python3 and then its versions, the newest first.
# A name that exists may still not run (a shim of a version manager), so each is run.

check='
import sys
if sys.version_info < (3, 11):
    sys.exit("Python " + ".".join(map(str, sys.version_info[:2])))
try:
    import ensurepip, venv
except ImportError:
    sys.exit("lacks venv (Debian: apt-get install python3-venv)")
'
asked="$*"
[ $# -gt 0 ] || set -- python3 python3.14 python3.13 python3.12 python3.11 python

found=""
for candidate in "$@"; do
  path=$(command -v "$candidate") || continue
  if reason=$("$path" -c "$check" 2>&1); then
    echo "$path"
    exit 0
  fi
  case $reason in
    "Python "*|"lacks "*) found="$found${found:+, }$candidate is ${reason}" ;;
  esac
done

found=$(echo "$found" | sed 's/ is lacks / lacks /g')
echo "auditproxy needs Python 3.11 or newer${found:+ ($found)}: install one, or name one: make PYTHON=/path/to/python3 ..." >&2
if [ -n "$asked" ] && other=$("$0" 2>/dev/null); then
  echo "there is one here: make PYTHON=$other ..." >&2
fi
exit 1
