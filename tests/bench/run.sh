#!/usr/bin/env bash
# `make bench`: prints the figures of docs/benchmarks.md.
#   tests/bench/run.sh [planner|ready|quiet|healing|proxy|hits|autoscale]...   (all of them, in this order, without an argument)
# It uses the cluster of `make up` as it stands, and starts that when there is none; it takes about three quarters of an hour.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
cd "$ROOT"

BENCH_KINS=$(tests/cluster/build.sh)/kins
export BENCH_KINS KINS_NAME=${CLUSTER:-scaledapp} BENCH_BIN=$CARGO_TARGET_DIR/release
"$BENCH_KINS" status >/dev/null 2>&1 || scripts/up.sh >&2
"$BENCH_KINS" status >/dev/null 2>&1 ||
  die "The figures need the audit log and the switches of the cluster tool in tests/cluster; a cluster of kind has neither."
KUBECONFIG=$("$BENCH_KINS" kubeconfig)
export KUBECONFIG KUBECTL="$BENCH_KINS kubectl"
$KUBECTL -n default wait --for=condition=Ready scaledapp/shop --timeout=5m >/dev/null
BENCH_SHOP_IMAGE=$($KUBECTL -n default get scaledapp shop -o 'jsonpath={.spec.services[0].image}')
export BENCH_SHOP_IMAGE
[ -x "$BENCH_BIN/scaledapp" ] || { need_rust; cargo build --quiet --release --locked; }
[ -x "$BENCH_BIN/shop" ] || { need_rust; cargo build --quiet --release --locked --manifest-path examples/shop/Cargo.toml; }

printf '%s cores, %s GiB, %s\n' "$(nproc)" "$(awk '/^MemTotal:/ {printf "%.0f", $2 / 1048576}' /proc/meminfo)" "$(date +%F)"
[ $# -gt 0 ] || set -- planner ready quiet healing proxy hits autoscale
for part in "$@"; do
  say "$part"
  "tests/bench/$part.sh"
done
