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

ask() { curl -sf --retry 20 --retry-connrefused --retry-delay 1 -H "Host: $HOST" -H Expect: "$@"; }

say "an order through the ingress, read back from a replica"
ask -H 'content-type: application/json' -d "{\"key\":\"$(cat /proc/sys/kernel/random/uuid)\",\"product\":1,\"quantity\":2}" "$URL/api/orders"
echo
ask -D - -o build/orders.json "$URL/api/orders?limit=3" | grep -i '^x-' || true
cat build/orders.json
echo

if [ "$SAMPLE" = shop-whole ]; then
  say "a page, the second time from the caching proxy"
  for _ in 1 2; do
    ask -o /dev/null -D - "$URL/products/7" | grep -iE '^(x-cache|age):' | tr -d '\r' | paste -sd ' '
  done
  say "a log-in, kept by a second member of the session store before it is answered"
  ask -c build/cookies -H 'content-type: application/json' -d '{"name": "Ada", "password": "correct horse"}' "$URL/api/login"
  echo
  ask -b build/cookies "$URL/api/session"
  echo
  say "a picture, made small by a worker"
  base64 -d >build/picture.png <<<iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFUlEQVR42mM4IScnd0KOAUjcuSMHAB7gBOMmYo2MAAAAAElFTkSuQmCC
  id=$(ask -H 'content-type: image/png' --data-binary @build/picture.png "$URL/api/pictures?product=7" | sed -E 's/.*"id":"([^"]+)".*/\1/')
  for _ in {1..60}; do
    picture=$(ask "$URL/api/pictures/$id")
    [[ $picture == *'"state":"ready"'* ]] && break
    sleep 0.5
  done
  printf '%s\n' "$picture"
fi

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
