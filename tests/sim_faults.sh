#!/bin/sh
# Single faults: in world after world of each scenario each call that may fail
# does so once, and a world without a fault follows in the same process. A place
# in the code that may fail and never did has to be in tests/sim/places.txt.
#
# PLAIT_FAULT_POINTS  how many calls at least [5000]; up to four times as many
#                     while there are places that never failed
set -u

: "${top_srcdir:?run this through make check}"

plait=${PLAIT:?run this through make check}
points=${PLAIT_FAULT_POINTS:-5000}
calls_max=600 # of one world: many small ones have more places than a few big
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/places"
done=0 failed=0 seed=0

# world SCENARIO OPTION...; the last lines tell how many calls there were.
world() {
  set -- sim "$@" --seed "$seed"
  calls=$("$plait" "$@" --events | sed -n 's/^\([0-9]*\) calls that may .*/\1/p')
  if [ -n "$calls" ] && [ "$calls" -gt "$calls_max" ]; then
    return
  fi
  if ! "$plait" "$@" --faults --places >"$work/out"; then
    grep -v '^alloc \|^[a-z]*\.[a-z_]*$' "$work/out"
    failed=$((failed + 1))
  fi
  grep '^alloc \|^[a-z]*\.[a-z_]*$' "$work/out" >>"$work/places"
  done=$((done + ${calls:-0}))
}

# ---- Places that there are ----

# excused PLACE: "alloc FILE:LINE", by the file and what the line has; a call of
# the seam by its name.
excused() {
  file=${1#alloc }
  number=${file##*:}
  file=${file%:*}
  while read -r where text; do
    case $where in
      '' | '#'*) continue ;;
    esac
    [ "$where" != "$1" ] || return 0
    [ "$where" != "$file" ] ||
      ! sed -n "${number}p" "$top_srcdir/$file" | grep -qF "$text" || return 0
  done <"$top_srcdir/tests/sim/places.txt"
  return 1
}

# allocations [FILE...] prints "FILE:FIRST FILE:LINE" for each line of each call:
# compilers differ in which of them __LINE__ is.
allocations() {
  awk '
    FNR == 1 { open = 0 }
    !open && /plait__(z|re)?alloc\(/ && !/#define/ {
      first = FILENAME ":" FNR
      open = 1
      sub(/.*plait__(z|re)?alloc/, "")
      depth = 0
    }
    open {
      print first, FILENAME ":" FNR
      depth += gsub(/\(/, "") - gsub(/\)/, "")
      open = depth > 0
    }' "$@"
}

(
  cd "$top_srcdir" || exit 1
  # shellcheck disable=SC2046 # Names without spaces.
  allocations $(find src/core src/pool src/filter src/endpoint protocols \
    -name '*.[ch]') >"$work/lines"
  sed 's/ .*//; s/^/alloc /' "$work/lines"
  grep -rhoE '(plait__sim_fails|os_start)\("[a-z]+\.[a-z_]+"' src/sim |
    sed 's/.*"\(.*\)"/\1/'
) | sort -u >"$work/all"
: >"$work/excused"
while read -r place; do
  ! excused "$place" || echo "$place" >>"$work/excused"
done <"$work/all"

# Whether all have failed; the rest is in a file.
all_failed() {
  awk 'NR == FNR { first[$2] = $1; next }
    $2 in first { $2 = first[$2] }
    { print }' "$work/lines" "$work/places" |
    sort -u - "$work/excused" | comm -13 - "$work/all" >"$work/rest"
  [ ! -s "$work/rest" ]
}

# ---- Worlds ----

# Much comes at once for callbacks on workers.
hasty='--set workers=1 --set framed=1 --set pause_ms=0'

until [ "$failed" != 0 ] || [ "$done" -ge $((4 * points)) ]; do
  if [ "$done" -ge "$points" ] && all_failed; then
    break
  fi
  seed=$((seed + 1))
  for scenario in echo workers reconnect chat relay datagrams children; do
    world "$scenario"
  done
  # shellcheck disable=SC2086 # A list of words.
  {
    world echo $hasty --set message_bytes=2000 --set messages=20 \
      --set connections=2
    world workers $hasty --set messages=30 --set connections=3
    world relay --set medium=2 --set messages=5 --set connections=2
    world children --set messages=1 --set connections=3
    world datagrams --set again_ppm=300000 --set messages=20 --set connections=2
  }
done

if ! all_failed; then
  failed=$((failed + 1))
  echo 'never failed, and not in tests/sim/places.txt:'
  sed 's/^/  /' "$work/rest"
fi
echo "$done calls failed, one a run, in $seed worlds of each scenario," \
  "at $(($(wc -l <"$work/all") - $(cat "$work/rest" "$work/excused" | wc -l)))" \
  "of $(wc -l <"$work/all") places"
[ "$failed" = 0 ]
