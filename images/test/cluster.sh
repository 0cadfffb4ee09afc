#!/bin/bash
# Puts testdata/cluster.yaml with the example configurations on the cluster of KUBECONFIG, whose nodes must have the images.
#   images/test/cluster.sh up|down [NAMESPACE]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
data=$root/images/testdata
kubectl=${KUBECTL:-kubectl}
namespace=${2:-images-test}
k() { $kubectl --namespace "$namespace" "$@"; }
image() { sed -n "s/^$1: //p" "$root/build/images.yaml"; }
config() { k create configmap "$1" --from-file="$2" --dry-run=client -o yaml | k apply -f - >/dev/null; }

case ${1:-} in
  up)
    $kubectl get namespace "$namespace" >/dev/null 2>&1 || $kubectl create namespace "$namespace"
    $kubectl label --overwrite namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    sed "s/\.default\.svc/.$namespace.svc/" "$data/router.cfg" >"$work/haproxy.cfg"
    config shop-router "$work/haproxy.cfg"
    config shop-pgbouncer "$data/pgbouncer.ini"
    config shop-database "$data/patroni.yml"
    sed "s,IMAGE_POSTGRES,$(image postgres),; s,IMAGE_HAPROXY,$(image haproxy),; s,IMAGE_PGBOUNCER,$(image pgbouncer)," "$data/cluster.yaml" | k apply -f -
    k wait statefulset/shop-database --for=jsonpath={.status.readyReplicas}=3 --timeout 180s   # OnDelete has no roll-out status
    k rollout status deployment/shop-pool --timeout 60s
    ;;
  down) $kubectl delete namespace "$namespace" ;;
  *) sed -n '3s/^# *//p' "$0" >&2; exit 2 ;;
esac
