#!/usr/bin/env bash
# Self-healing, by the end-to-end tests that measure it: every child deleted by hand, and the API server
# away for two minutes under orders. Nobody can use the cluster meanwhile.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
cd "$ROOT"
need_rust
e2e_settings "$BENCH_KINS" http://127.0.0.1:18080 "$BENCH_SHOP_IMAGE"
log=$(mktemp)
trap 'rm -f "$log"; $KUBECTL delete namespace e2e-shop --ignore-not-found --wait=false >/dev/null' EXIT
for test in healing_every_deleted_child_is_back fault_the_api_server_away; do
  cargo test --quiet --locked --test e2e -- --test-threads=1 --nocapture "$test" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  while read -r line; do figure "$line" ""; done < <(grep -oE '(slowest to come back|API server away|operator back at work).*' "$log")
done
