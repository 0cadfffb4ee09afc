#!/usr/bin/env bash
# The planner: `scaledapp plan` of the large sample against `scaledapp --version`, which only starts the process.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
RUNS=${RUNS:-200}
TIMEFORMAT='%R %U %S'

# Milliseconds a run: "wall CPU". A load that no plan meets is planned as any other, and exits 1.
each() {
  { time for ((run = 0; run < RUNS; run++)); do "$BENCH_BIN/scaledapp" "$@" >/dev/null 2>&1 || true; done; } 2>&1 |
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

# The library call is the same work at any size: the shop with every tier at ten users, at ten million, and the large sample.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for users in 10 10000000; do
  sed "s/dailyActiveUsers: .*/dailyActiveUsers: $users/" "$ROOT/manifests/samples/shop-whole.yaml" >"$folder/$users.yaml"
done
few=() many=()
for _ in 1 2 3; do
  read -r _ cpu <<<"$(each plan -f "$folder/10.yaml" -o json)"
  few+=("$cpu")
  read -r _ cpu <<<"$(each plan -f "$folder/10000000.yaml" -o json)"
  many+=("$cpu")
done
few=$(median "${few[@]}") many=$(median "${many[@]}")
figure "plan -o json at ten million users / at ten, CPU" "$many ms / $few ms, $(ratio "$many" "$few")"
