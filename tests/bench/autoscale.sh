#!/usr/bin/env bash
# The web tier under a load that its smallest size does not bear, and after it: when the first pods come, and when they go again.
# The pods are pinned small, so that the load generator leaves room on the machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
RATE=${RATE:-150}
LOADED=${LOADED:-120}
NAMESPACE=bench-autoscale
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"; $KUBECTL delete namespace $NAMESPACE --wait=false >/dev/null' EXIT

pods() { $KUBECTL -n $NAMESPACE get deployment shop-web -o 'jsonpath={.status.readyReplicas}'; }

# Seconds since $1 until the ready pods compare to $3 as $2 says, within $4 seconds.
until_pods() {
  local end=$((SECONDS + $4))
  until [ "$(pods)" "$2" "$3" ]; do
    [ $SECONDS -lt $end ] || { echo "not within $4"; return; }
    sleep 1
  done
  since "$1"
}

$KUBECTL create namespace $NAMESPACE >/dev/null
sed -e "s|localhost/scaledapp/shop:dev|$BENCH_SHOP_IMAGE|; s|shop.example.com|$NAMESPACE.example.com|" \
  -e 's|availabilityPercent:.*|availabilityPercent: "99"|' -e 's|^    health:|    pin: {minReplicas: 2, maxReplicas: 4, cpu: 50m}\n&|' \
  "$ROOT/manifests/samples/shop.yaml" >"$WORK/shop.yaml"
$KUBECTL -n $NAMESPACE apply -f "$WORK/shop.yaml" >/dev/null
$KUBECTL -n $NAMESPACE wait --for=condition=Ready scaledapp/shop --timeout=300s >/dev/null

start=$EPOCHREALTIME
"$BENCH_BIN/shop" load --url "${INGRESS:-http://127.0.0.1:18080}" --host $NAMESPACE.example.com --rate "$RATE" \
  --duration "${LOADED}s" --out "$WORK/keys" >"$WORK/load" 2>"$WORK/errors" &
load=$!
figure "$RATE requests a second: first more web pods ready after" "$(until_pods "$start" -gt 2 "$LOADED") s"
figure "$RATE requests a second: most that the plan allows (4) after" "$(until_pods "$start" -ge 4 "$LOADED") s"
wait $load
figure "requests, failed, longest gap" "$(tail -n 1 "$WORK/load" | sed -E 's/.*"requests":([0-9]+).*"failed":([0-9]+).*"longestGapSeconds":([0-9.]+).*/\1, \2, \3 s/')"
start=$EPOCHREALTIME
figure "load gone: first pod less after" "$(until_pods "$start" -lt 4 600) s"
figure "load gone: fewest that the plan allows (2) after" "$(until_pods "$start" -le 2 900) s"
