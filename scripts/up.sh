#!/usr/bin/env bash
# `make up`: from a bare machine to the sample shop with every tier, an order in its database and a thumbnail by its worker.
# `make up SAMPLE=shop` takes the shop with web tier and database alone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
CLUSTER=tests/cluster/cluster.sh
URL=http://127.0.0.1:18080
HOST=shop.example.com
SAMPLE=${SAMPLE:-shop-whole}
[ -f "manifests/samples/$SAMPLE.yaml" ] || die "There is no sample $SAMPLE; those of the shop are shop and shop-whole."

need_rust
say "the local cluster"
$CLUSTER up
KUBECONFIG=$($CLUSTER kubeconfig)
export KUBECONFIG
say "the images"
images/build.sh build
$CLUSTER load $(cut -d' ' -f2 build/images.yaml)
say "the operator"
install_operator

say "the sample shop"
mkdir -p build
sed "s|localhost/scaledapp/shop:dev|$(image shop)|" "manifests/samples/$SAMPLE.yaml" >build/shop.yaml
kubectl="$(tests/cluster/build.sh)/kins kubectl"
$kubectl apply -f build/shop.yaml
$kubectl wait --for=condition=Ready scaledapp/shop --timeout=10m

KUBECTL=$kubectl URL=$URL HOST=$HOST SAMPLE=$SAMPLE scripts/story.sh

command -v kubectl >/dev/null && try=kubectl || try=$kubectl
say "the plan"
"$CARGO_TARGET_DIR"/release/scaledapp plan -f build/shop.yaml

cat <<END

The shop runs: $URL/ and draws itself at $URL/architecture (host name $HOST: add "127.0.0.1 $HOST" to /etc/hosts, or send the header Host: $HOST)

  export KUBECONFIG=$KUBECONFIG

Three things to try:
  1. $try get scaledapp shop -o wide && $try get pods -o wide
  2. $try delete pod -l scaledapp.dev/app=shop,role=primary     # orders go on
  3. $try patch scaledapp shop --type merge -p '{"spec":{"targets":{"dailyActiveUsers":200000}}}'   # watch it climb

make down ends all of it.
END
