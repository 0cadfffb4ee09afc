#!/bin/bash
# Proves that no request fails while the pods behind the edge are replaced, and what fails when one is killed.
# The configuration is the golden one of the shop; DNS answers come from a cache of five seconds. Needs root, buildah and the built haproxy image.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
container=$(buildah from --pull-never "${IMAGE:-$(sed -n 's/^haproxy: //p' "$root/build/images.yaml")}")
trap 'buildah rm "$container" >/dev/null' EXIT
image=$(buildah mount "$container")
echo 'nameserver 127.0.0.53' >"$image/etc/resolv.conf"
# The pods here are addresses of one host, so the edge takes another port than theirs.
sed -n '/^  haproxy.cfg: |$/,/^kind:/{s/^    //p}' "$root/tests/golden/manifests/shop.yaml" |
  awk '/^# Made by/ { edge = 1 } edge' | sed 's/bind :8080$/bind :18080/; s/bind :8405$/bind :18405/' >"$image/tmp/haproxy.cfg"
unshare --net --pid --fork --kill-child bash -c 'ip link set lo up; exec python3 "$1" "$2"' edge "$here/edge.py" "$image"
