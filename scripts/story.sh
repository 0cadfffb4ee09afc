#!/usr/bin/env bash
# A customer's story on the sample shop, through the ingress: what each step must show, or it ends here.
#   KUBECTL=... URL=http://... HOST=shop.example.com SAMPLE=shop-whole|shop scripts/story.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
mkdir -p build

ask() { curl -sf --retry 20 --retry-connrefused --retry-delay 1 -H "Host: $HOST" -H Expect: "$@"; }

# Asks until the answer, headers and all, has these words in one line; shows it.
until_it_says() {
  local words=$1 answer; shift
  for _ in {1..60}; do
    answer=$(ask "$@" | tr -d '\r') || true
    if grep -iE "$words" <<<"$answer"; then return; fi
    sleep 0.5
  done
  die "no answer says $words; the last was: $answer"
}

JSON='content-type: application/json'

say "an order through the ingress, read back from a replica"
key=$(cat /proc/sys/kernel/random/uuid)
order=$(ask -H "$JSON" -d "{\"key\":\"$key\",\"product\":1,\"quantity\":2}" "$URL/api/orders")
printf '%s\n' "$order"
number=$(sed -E 's/.*"id":([0-9]+).*/\1/' <<<"$order")
until_it_says "\"role\":\"replica\".*$key" "$URL/api/orders?after=$((number - 1))&limit=1"

[ "$SAMPLE" = shop-whole ] || exit 0

say "a page, the second time from the caching proxy"
ask -o /dev/null -D - "$URL/products/7" | grep -iE '^(x-cache|age):' | tr -d '\r' | paste -sd ' '
until_it_says '^x-cache: hit' -o /dev/null -D - "$URL/products/7"

say "a log-in, kept by a second member of the session store before it is answered"
ask -c build/cookies -H "$JSON" -d '{"name": "Ada", "password": "correct horse"}' "$URL/api/login" | tee build/login.json
echo
until_it_says '"name":"Ada"' -b build/cookies "$URL/api/session"

say "a picture, made small by a worker"
base64 -d >build/picture.png <<<iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFUlEQVR42mM4IScnd0KOAUjcuSMHAB7gBOMmYo2MAAAAAElFTkSuQmCC
id=$(ask -H 'content-type: image/png' --data-binary @build/picture.png "$URL/api/pictures?product=7" | sed -E 's/.*"id":"([^"]+)".*/\1/')
until_it_says '"state":"ready"' "$URL/api/pictures/$id"

say "the pod that logged her in goes, and she stays"
pod=$(sed -E 's/.*"pod":"([^"]+)".*/\1/' build/login.json)
$KUBECTL -n default delete pod "$pod" --timeout=90s
session=$(ask -b build/cookies "$URL/api/session")
printf '%s\n' "$session"
[[ $session == *'"name":"Ada"'* && $session != *"\"pod\":\"$pod\""* ]] || die "Ada is not logged in at another pod than $pod"
