#!/usr/bin/env bash
# From apply to ready: a sample by the operator (SAMPLE=shop-whole for every tier), against `kubectl apply` of what `scaledapp render`
# prints for the same spec and environment. Fresh namespaces, in turn, three times each.
# In the plain apply the web pods start at once, before the schema is there; the operator waits for the migration.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
ROUNDS=${ROUNDS:-3}
SAMPLE=${SAMPLE:-shop}
declare -A BARS=([shop]=1.3 [shop-whole]=1.2)
WORK=$(mktemp -d)
NAMESPACE=
trap 'rm -rf "$WORK"; [ -z "$NAMESPACE" ] || $KUBECTL delete namespace "$NAMESPACE" --wait=false >/dev/null' EXIT

fresh_namespace() {
  NAMESPACE=$1
  $KUBECTL create namespace "$NAMESPACE" >/dev/null
  sed "s|localhost/scaledapp/shop:dev|$BENCH_SHOP_IMAGE|; s|shop.example.com|$NAMESPACE.example.com|" \
    "$ROOT/manifests/samples/$SAMPLE.yaml" >"$WORK/shop.yaml"
}

# Volumes, pods and all are gone before the next one starts.
remove_namespace() {
  $KUBECTL delete namespace "$NAMESPACE" --timeout=180s >/dev/null
  NAMESPACE=
}

# Every pod of every workload is ready and every Job is complete (what Ready of the operator means: `minReadySeconds`
# counts in neither). The watches start together and early, so that
# the end is seen at once however long kubectl takes to start.
await_workloads() {
  local name replicas watches=()
  $KUBECTL -n "$NAMESPACE" wait --for=condition=Complete job --all --timeout=300s >/dev/null &
  watches+=($!)
  while read -r name replicas; do
    $KUBECTL -n "$NAMESPACE" wait --for="jsonpath={.status.readyReplicas}=$replicas" "$name" --timeout=300s >/dev/null &
    watches+=($!)
  done < <($KUBECTL -n "$NAMESPACE" get deployments,statefulsets -o \
    'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.spec.replicas}{"\n"}{end}')
  local watch
  for watch in "${watches[@]}"; do wait "$watch"; done
}

# Ready of the operator is no empty word: nothing is left to wait for.
assert_workloads() {
  local short
  short=$($KUBECTL -n "$NAMESPACE" get deployments,statefulsets -o \
    'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.spec.replicas}{" "}{.status.readyReplicas}{"\n"}{end}' | awk '$2 != $3')
  [ -z "$short" ] || figure "operator: Ready, though these are not (planned, ready)" "$short"
}

by_operator() {
  fresh_namespace "bench-operator-$1"
  local start=$EPOCHREALTIME
  $KUBECTL -n "$NAMESPACE" apply -f "$WORK/shop.yaml" >/dev/null
  $KUBECTL -n "$NAMESPACE" wait --for=condition=Ready scaledapp/shop --timeout=300s >/dev/null
  OPERATOR+=("$(since "$start")")
  assert_workloads
  figure "operator, round $1: apply to Ready" "${OPERATOR[-1]} s"
  remove_namespace
}

by_kubectl() {
  fresh_namespace "bench-plain-$1"
  rm -f "$WORK/secrets.yaml"
  "$BENCH_BIN/scaledapp" render -f "$WORK/shop.yaml" --namespace "$NAMESPACE" --environment "$WORK/environment.yaml" \
    --secrets-out "$WORK/secrets.yaml" >"$WORK/rendered.yaml"
  # What the sample brings beside its ScaledApp: the account of its pods.
  awk 'BEGIN {RS = "---\n"; ORS = RS} !/(^|\n)kind: ScaledApp\n/' "$WORK/shop.yaml" >"$WORK/beside.yaml"
  local start=$EPOCHREALTIME
  [ ! -s "$WORK/beside.yaml" ] || $KUBECTL -n "$NAMESPACE" apply -f "$WORK/beside.yaml" >/dev/null
  $KUBECTL apply -f "$WORK/secrets.yaml" -f "$WORK/rendered.yaml" >/dev/null
  await_workloads
  PLAIN+=("$(since "$start")")
  figure "kubectl apply, round $1: apply to every pod ready" "${PLAIN[-1]} s"
  remove_namespace
}

$KUBECTL -n "$OPERATOR_NAMESPACE" get configmap scaledapp-environment -o 'jsonpath={.data.environment\.yaml}' >"$WORK/environment.yaml"
OPERATOR=()
PLAIN=()
for ((round = 1; round <= ROUNDS; round++)); do
  by_operator "$round"
  by_kubectl "$round"
done
operator=$(median "${OPERATOR[@]}")
plain=$(median "${PLAIN[@]}")
figure "apply to ready of $SAMPLE: operator / plain, medians, ratio" "$operator s / $plain s, $(ratio "$operator" "$plain") (bar ${BARS[$SAMPLE]})"
