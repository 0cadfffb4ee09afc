#!/bin/bash
# Members of a cache or of a session store and their router as real processes: the images with what the operator renders, each pod in a
# network namespace of its own, Services by address translation. Faults are made, every acknowledged write is looked for, gaps are timed.
# Needs root, buildah, iptables, Python with its YAML module, the built images redis and haproxy, and `scaledapp` (OPERATOR_BINARY).
#   [LOGS=lines] [TIMES=factor of the memory] [RATE=writes a second] [SIZE=bytes of a value] images/test/redis.sh [cache|sessions] [CASE...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
binary=${OPERATOR_BINARY:-${CARGO_TARGET_DIR:-$root/target}/debug/scaledapp}
work=$(mktemp -d)
chmod 0755 "$work"
containers=()
cleanup() {
  [ ${#containers[@]} -eq 0 ] || buildah rm "${containers[@]}" >/dev/null
  rmdir /sys/fs/cgroup/{memory/,}"scaledapp-${work##*/}"-* 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
from() {
  local container
  container=$(buildah from --pull-never "$(sed -n "s/^$1: //p" "$root/build/images.yaml")")
  containers+=("$container")
  mounted=$(buildah mount "$container")
}
world() {   # world NAME PIN: the same application at another size
  sed "s/cache: {}/cache: {pin: {$2}}/; s/sessions: {ttl: 1h}/sessions: {ttl: 1h, pin: {$2}}/" \
    "$root/images/testdata/memory.yaml" >"$work/app-$1.yaml"
  "$binary" render -f "$work/app-$1.yaml" --secrets-out "$work/secrets-$1.yaml" >"$work/world-$1.yaml"
}
world 1 'members: 1'
world 3 'members: 3'
world large 'members: 3, memory: 768Mi'
from redis; redis=$mounted
from haproxy; haproxy=$mounted
unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
  set -euo pipefail
  mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; }
  ip link set lo up
  exec python3 -u "$1/redis.py" "${@:2}"
' redis "$here" "$redis" "$haproxy" "$work" "$@"
