# Read by the other scripts: steps with logs. Sets $root, and $logs below it.
# shellcheck shell=sh

root=$(cd "$(dirname -- "$0")/.." && pwd)
logs=$root/build/log

# A script that runs inside a make is not part of that make.
unset MAKEFLAGS MAKELEVEL MFLAGS

# shellcheck disable=SC2034
jobs=$(nproc 2>/dev/null || echo 1)

die() {
  echo "$*" >&2
  exit 1
}

# step WHAT LOG COMMAND... runs the command with its output in the log.
# On failure it shows the end of the log and returns the command's status.
step() {
  echo "== $1 (log: build/log/$2.log)"
  mkdir -p "$logs"
  log=$logs/$2.log
  shift 2
  "$@" >"$log" 2>&1 </dev/null && return 0
  status=$?
  echo "failed with status $status; the end of $log:" >&2
  tail -n 40 "$log" >&2
  return $status
}

# usage prints the comment at the head of the script.
usage() {
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"
}
