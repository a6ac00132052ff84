#!/bin/sh
# The quick tier of the simulator: 2,800 worlds, some of them twice, and all
# seeds that have failed once (tests/sim/seeds.txt).
set -u

plait=${PLAIT:?run this through make check}
cd "${top_srcdir:?}" || exit 1
failed=0

run() {
  "$plait" sim "$@" || failed=1
}

run echo --seed 1 --seeds 600
run chat --seed 1 --seeds 500
run workers --seed 1 --seeds 500
run reconnect --seed 1 --seeds 400
run relay --seed 1 --seeds 300
run datagrams --seed 1 --seeds 300
run children --seed 1 --seeds 200
for scenario in echo chat workers reconnect relay datagrams children pace; do
  run $scenario --seed 3000 --seeds 10 --verify
done

while read -r scenario seed; do
  case $scenario in
    '' | '#'*) ;;
    *) run "$scenario" --seed "$seed" ;;
  esac
done <tests/sim/seeds.txt

exit $failed
