#!/bin/bash
# Runs router.py: the router and the pool out of their images, with the example configurations, in a network namespace of its own,
# against three PostgreSQL servers and three stand-ins for Patroni's REST. Needs root, buildah and the built images.
#   images/test/router.sh [CASE...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
containers=()
cleanup() { [ ${#containers[@]} -eq 0 ] || buildah rm "${containers[@]}" >/dev/null; }
trap cleanup EXIT
from() {
  local container
  container=$(buildah from --pull-never "$(sed -n "s/^$1: //p" "$root/build/images.yaml")")
  containers+=("$container")
  mounted=$(buildah mount "$container")
}
from haproxy; haproxy=$mounted
from pgbouncer; pgbouncer=$mounted
from postgres; postgres=$mounted
unshare --net --mount --pid --fork --kill-child bash -c '
  set -euo pipefail
  postgres=$1 haproxy=$2 pgbouncer=$3 here=$4; shift 4
  ip link set lo up
  for i in 0 1 2; do ip address add "10.99.0.1$i/32" dev lo; done
  for mount in "$postgres" "$haproxy" "$pgbouncer"; do
    mount -t proc proc "$mount/proc"; mount --bind /dev "$mount/dev"
    for writable in tmp run; do mount -t tmpfs -o mode=1777 tmpfs "$mount/$writable"; done
  done
  mkdir "$postgres/run/haproxy" "$postgres/run/pgbouncer" "$postgres/run/test" "$postgres/run/postgresql"
  mount --bind "$haproxy" "$postgres/run/haproxy"
  mount --bind "$pgbouncer" "$postgres/run/pgbouncer"
  mount --bind "$here/.." "$postgres/run/test"
  ip link add void type veth peer name void-end   # frames go in and nobody takes them out
  ip link set void up
  ip link set void-end up
  for i in 0 1 2; do ip neighbour add "10.99.0.1$i" lladdr 02:00:00:00:00:01 dev void nud permanent; done
  mkfifo "$postgres/run/control"
  # shellcheck disable=SC2086 # a line is a whole command
  while true; do while read -r command; do ip $command; done <"$postgres/run/control"; done &
  mount -t tmpfs -o size=16m,mode=1777 tmpfs "$postgres/dev/shm"
  exec chroot "$postgres" /usr/bin/python3 -u /run/test/test/router.py "$@"
' router "$postgres" "$haproxy" "$pgbouncer" "$here" "$@"
