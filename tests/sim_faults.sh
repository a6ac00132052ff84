#!/bin/sh
# Single faults: in world after world of each scenario each call that may fail
# does so once, and a world without a fault follows in the same process. Then
# the places in the code that may fail and never did.
#
# PLAIT_FAULT_POINTS  how many [5000]
set -u

: "${top_srcdir:?run this through make check}"

plait=${PLAIT:?run this through make check}
points=${PLAIT_FAULT_POINTS:-5000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/places"
done=0 failed=0 seed=0

# world SCENARIO SEED; the last lines tell how many calls there were.
world() {
  if ! "$plait" sim "$1" --seed "$2" --faults --places >"$work/out"; then
    grep -v '^alloc \|^[a-z]*\.[a-z_]*$' "$work/out"
    failed=$((failed + 1))
  fi
  grep '^alloc \|^[a-z]*\.[a-z_]*$' "$work/out" >>"$work/places"
  calls=$(sed -n 's/^\([0-9]*\) calls failed.*/\1/p' "$work/out")
  done=$((done + ${calls:-0}))
}

while [ "$done" -lt "$points" ] && [ "$failed" = 0 ]; do
  seed=$((seed + 1))
  for scenario in echo workers reconnect chat; do
    [ "$done" -ge "$points" ] || world "$scenario" "$seed"
  done
done

# ---- Places that there are ----

(
  cd "$top_srcdir" || exit 1
  for folder in src/core src/pool src/filter src/endpoint protocols; do
    grep -rnE 'plait__(z|re)?alloc\(' "$folder" --include='*.c' --include='*.h'
  done | grep -v '#define' | sed 's/^\([^:]*:[0-9]*\):.*/alloc \1/'
  grep -rhoE 'plait__sim_fails\("[a-z_.]*"' src/sim | sed 's/.*"\(.*\)"/\1/'
) | sort -u >"$work/all"
sort -u "$work/places" | comm -13 - "$work/all" >"$work/rest"
echo "places that never failed: $(wc -l <"$work/rest") of $(wc -l <"$work/all")"
sed 's/^/  /' "$work/rest"
echo "$done calls failed, one a run, in $seed worlds of each scenario"
[ "$failed" = 0 ]
