#!/usr/bin/env bash
# Share of requests that the caching proxy answers under Zipf's law, as the plan has it and as two edges and two pods measure it at the
# planned rate. Needs no cluster, but root and the built images.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
USERS=${USERS:-120000}
TTL=60
constant() { awk -v name="$1" -F '|' '{gsub(/[` ]/, "", $2)} $2 == name {gsub(/[ ,]/, "", $3); print $3; exit}' "$ROOT/docs/constants.md"; }
PAGES=$(constant proxy_pages)
EXPONENT=$(constant zipf_web)
plan=$(sed "s/dailyActiveUsers: .*/dailyActiveUsers: $USERS/" "$ROOT/manifests/samples/shop-whole.yaml" |
  "$BENCH_BIN/scaledapp" plan -f - -o json 2>/dev/null)
cacheable=$(sed -n 's/^ *cacheablePercent: //p' "$ROOT/manifests/samples/shop-whole.yaml")
read -r RATE PLANNED < <(python3 -c '
import json, sys
demand, share = json.loads(sys.argv[1])["demand"], float(sys.argv[2]) / 100
rate = demand["peakRequestsPerSecond"] * share
print(rate, (demand["peakRequestsPerSecond"] - demand["originRequestsPerSecond"]) / rate)' "$plan" "$cacheable")
export RATE PLANNED PAGES EXPONENT TTL
result=$(PROGRAMS=zipf "$ROOT/images/test/proxy.sh" | tail -n 1)
value() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" <<<"$result"; }
figure "share answered by the proxy at $(printf %.0f "$RATE") requests a second: planned / measured" "$(value planned) / $(value measured) of $(value requests)"
