#!/usr/bin/env bash
# The operator at rest: what it writes, what it computes and how much memory it holds while nothing changes.
# Idle means that nobody else works in the cluster meanwhile.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
IDLE=${IDLE:-600}
IDENTITY=system:serviceaccount:$OPERATOR_NAMESPACE:scaledapp

# User and system time of the process, in hundredths of a second; its name holds no space.
cpu() { operator_proc "$1" stat | awk '{print $14 + $15}'; }

# Writes of the operator in audit events on the standard input, as "verb resource", without leases.
writes() {
  { grep -F "\"username\":\"$IDENTITY\"" || true; } | { grep -F '"stage":"ResponseComplete"' || true; } |
    sed -nE 's/.*"verb":"([a-z]+)".*"objectRef":\{"resource":"([a-z.]+)".*/\1 \2/p' |
    { grep -vE '^(get|list|watch) | leases$' || true; }
}

log=$("$BENCH_KINS" audit-log)
pods=$(operator_pods)
declare -A before
for pod in $pods; do before[$pod]=$(cpu "$pod"); done
begin=$(stat -c %s "$log")
sleep "$IDLE"
[ "$(operator_pods)" = "$pods" ] || die "The operator's pods were replaced meanwhile; this was not idle."
[ "$(stat -c %s "$log")" -ge "$begin" ] || die "The audit log was rotated meanwhile; run this again."
events=$(mktemp)
trap 'rm -f "$events"' EXIT
tail -c "+$((begin + 1))" "$log" >"$events"
writes <"$events" | sort | uniq -c
figure "idle, writes besides leases in $IDLE s" "$(writes <"$events" | wc -l) (bar 0)"
figure "idle, requests of the operator in all" "$(grep -F "\"username\":\"$IDENTITY\"" "$events" | grep -cF '"stage":"ResponseComplete"' || true)"
figure "idle, writes of other clients besides leases" "$(grep -F '"stage":"ResponseComplete"' "$events" |
  grep -vF "\"username\":\"$IDENTITY\"" | grep -E '"verb":"(create|update|patch|delete|deletecollection)"' | grep -cvE '"resource":"(leases|tokenreviews|subjectaccessreviews)"' || true)"
for pod in $pods; do
  figure "idle, CPU of $pod" "$(awk -v a="${before[$pod]}" -v b="$(cpu "$pod")" 'BEGIN {printf "%.2f s", (b - a) / 100}')"
  figure "resident memory of $pod" "$(operator_proc "$pod" status | awk '/^VmRSS:/ {printf "%.1f MiB, ", $2 / 1024} /^VmHWM:/ {peak = $2 / 1024} END {printf "at most %.1f MiB since its start (bar 40)", peak}')"
done
