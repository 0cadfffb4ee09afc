#!/bin/bash
# Runs queue.py: nodes of the queue and its router out of their images, each in a network namespace of its own, killed, frozen, cut off and
# robbed of their data. Needs root, buildah, python3-pika and the built images.
#   images/test/queue.sh [CASE...]
# With ENGINE the operator's own code asks and tells the nodes as well:
#   ENGINE=$(cargo test --test queue_engine --no-run --message-format json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p') images/test/queue.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
containers=()
work=$(mktemp -d)
cleanup() { [ ${#containers[@]} -eq 0 ] || buildah rm "${containers[@]}" >/dev/null; rm -rf "$work"; }
trap cleanup EXIT
from() {
  local container
  container=$(buildah from --pull-never "$(sed -n "s/^$1: //p" "$root/build/images.yaml")")
  containers+=("$container")
  mounted=$(buildah mount "$container")
}
from rabbitmq; rabbitmq=$mounted
from haproxy; haproxy=$mounted
mkdir -p "$rabbitmq/etc/rabbitmq" "$rabbitmq/etc/rabbitmq-secret" "$rabbitmq/etc/rabbitmq-definitions" "$haproxy/etc/haproxy"
unshare --net --mount --pid --fork --kill-child bash -c '
  set -euo pipefail
  mount -t proc proc /proc
  mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns
  ip link set lo up
  ip link add cables type bridge; ip address add 10.99.0.1/24 dev cables; ip link set cables up
  for i in 10 11 12 20; do
    ip netns add "n$i"; ip link add "c$i" type veth peer name eth0 netns "n$i"
    ip link set "c$i" master cables up
    ip -n "n$i" address add "10.99.0.$i/24" dev eth0; ip -n "n$i" link set eth0 up; ip -n "n$i" link set lo up
  done
  exec /usr/bin/python3 -u "$0" "$@"
' "$here/queue.py" "$work" "$rabbitmq" "$haproxy" "$@"
