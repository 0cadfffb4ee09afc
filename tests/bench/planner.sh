#!/usr/bin/env bash
# The planner: `scaledapp plan` of the large sample against `scaledapp --version`, which only starts the process.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
RUNS=${RUNS:-200}
TIMEFORMAT='%R %U %S'

# Milliseconds a run: "wall CPU".
each() {
  { time for ((run = 0; run < RUNS; run++)); do "$BENCH_BIN/scaledapp" "$@" >/dev/null; done; } 2>&1 |
    awk -v n="$RUNS" '{printf "%.2f %.2f\n", $1 * 1000 / n, ($2 + $3) * 1000 / n}'
}

plan_wall=() plan_cpu=() start_wall=() start_cpu=()
for _ in 1 2 3; do
  read -r wall cpu <<<"$(each plan -f "$ROOT/manifests/samples/large.yaml")"
  plan_wall+=("$wall") plan_cpu+=("$cpu")
  read -r wall cpu <<<"$(each --version)"
  start_wall+=("$wall") start_cpu+=("$cpu")
done
wall=$(median "${plan_wall[@]}") start=$(median "${start_wall[@]}")
figure "plan of the large sample / --version, wall" "$wall ms / $start ms, $(ratio "$wall" "$start")"
wall=$(median "${plan_cpu[@]}") start=$(median "${start_cpu[@]}")
figure "plan of the large sample / --version, CPU" "$wall ms / $start ms, $(ratio "$wall" "$start")"
