#!/bin/sh
# Make BIN/auditproxy, a command that runs this folder's auditproxy from anywhere: for an environment in
# which the package itself is not installed. What pip has installed there stays.
set -eu
quoted() {
  printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}
bin=$(cd "$1" && pwd)
folder=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -e "$bin/auditproxy" ]; then
  cat > "$bin/auditproxy" <<END
#!/bin/sh
PYTHONPATH=$(quoted "$folder") exec $(quoted "$bin/python") -m auditproxy "\$@"
END
  chmod +x "$bin/auditproxy"
fi
