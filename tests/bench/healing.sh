#!/usr/bin/env bash
# Self-healing: every child deleted by hand, by the end-to-end test that measures it in a namespace of its own; then
# the API server away under orders to the shop of `make up`. Nobody can use the cluster meanwhile.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
cd "$ROOT"
OUTAGE=${OUTAGE:-120}
NODE=$KINS_NAME-control-plane
URL=http://127.0.0.1:18080
HOST=shop.example.com
WORK=$(mktemp -d)

cleanup() {
  "$BENCH_KINS" svc start "$NODE" apiserver >/dev/null 2>&1 || true
  $KUBECTL delete namespace e2e-shop --ignore-not-found --wait=false >/dev/null || true
  rm -rf "$WORK"
}
trap cleanup EXIT

children() {
  local said=$WORK/children.log result=0
  need_rust
  e2e_settings "$BENCH_KINS" "$URL" "$BENCH_SHOP_IMAGE"
  cargo test --quiet --locked --test e2e -- --nocapture healing_every_deleted_child_is_back >"$said" 2>&1 || result=$?
  figure "every child deleted: $(grep -oE 'slowest to come back.*' "$said" || echo failed)" ""
  [ "$result" = 0 ] || { figure "every child deleted: the shop is ready again" "no"; tail -n 40 "$said" >&2; FAILED=1; }
}

outage() {
  local start orders load=$WORK/load.json
  "$BENCH_BIN/shop" load --url "$URL" --host "$HOST" --rate 10 --duration "$((OUTAGE + 20))s" --out "$WORK/keys" >"$load" &
  orders=$!
  sleep 5
  "$BENCH_KINS" svc stop "$NODE" apiserver
  sleep "$OUTAGE"
  start=$EPOCHREALTIME
  "$BENCH_KINS" svc start "$NODE" apiserver
  until $KUBECTL get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
  figure "API server away for $OUTAGE s: ready again after its start" "$(since "$start") s"
  $KUBECTL -n default delete poddisruptionbudget shop-pool --wait=false >/dev/null
  start=$EPOCHREALTIME
  until $KUBECTL -n default get poddisruptionbudget shop-pool >/dev/null 2>&1; do sleep 0.1; done
  figure "API server away: then the operator mends within" "$(since "$start") s"
  wait "$orders"
  figure "API server away: orders" "$(tail -n 1 "$load")"
  "$BENCH_BIN/shop" verify --url "$URL" --host "$HOST" --timeout 120s --keys "$WORK/keys"
}

FAILED=0
for part in ${PARTS:-children outage}; do "$part"; done
exit "$FAILED"
