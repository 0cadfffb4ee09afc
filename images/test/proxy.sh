#!/bin/bash
# Proves what the caching proxy and the edges promise, with two edges and two Varnish pods as real processes, each in a network
# of its own:
#   images/test/proxy.sh [CHECK...]      all checks, or these
# The configuration is the builders' own, in testdata/proxy.json. Needs root, buildah, iproute2, python3 and the built images
# haproxy and varnish.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
containers=()
work=$(mktemp -d)
trap 'for c in "${containers[@]}"; do buildah rm "$c" >/dev/null; done; rm -rf "$work"' EXIT
mounted() {
  local container
  container=$(buildah from --pull-never "$(sed -n "s/^$1: //p" "$root/build/images.yaml")")
  containers+=("$container")
  buildah mount "$container" >"$work/$1"
}
mounted haproxy
mounted varnish
status=0
for program in ${PROGRAMS:-proxy copies balance}; do
  unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
    mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up
    exec python3 "$@"' "$program" "$here/$program.py" "$(cat "$work/haproxy")" "$(cat "$work/varnish")" "${FILES:-$here/../testdata/proxy.json}" "$@" || status=1
done
exit $status
