#!/bin/bash
# Proves that a second pod waits for the data volume until the first one has ended, also when that one is killed.
# Needs root, buildah and the built postgres image.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
container=$(buildah from --pull-never "$(sed -n 's/^postgres: //p' "$root/build/images.yaml")")
work=$(mktemp -d)
trap 'buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT
image=$(buildah mount "$container")
mkdir "$work/volume" "$work/bin"
chown 10001:10001 "$work/volume"
printf '#!/bin/sh\necho "patroni $1 with PGDATA $(stat -c %%a "$PGDATA")"\nexec sleep 1000\n' >"$work/bin/patroni"   # Patroni itself needs a cluster
chmod 0755 "$work" "$work/bin/patroni"

pod() {   # pod LOG: a container with its own pid namespace on the one volume
  unshare --mount --pid --fork --kill-child bash -c '
    mount --bind "$1" /mnt; mount -o remount,ro,bind /mnt; mount -t proc proc /mnt/proc
    mount --bind "$2/volume" /mnt/var/lib/postgresql/data; mount --bind "$2/bin" /mnt/mnt
    exec chroot /mnt setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all \
      env PATH=/mnt:/usr/bin:/bin DATA_VOLUME=/var/lib/postgresql/data PGDATA=/var/lib/postgresql/data/pgdata PATRONI_CONFIG=/etc/patroni/patroni.yml /usr/local/bin/entrypoint
  ' pod "$image" "$work" >"$1" 2>&1 &
  started=$!
}
end() { kill -KILL "$(pgrep -P "$1")"; wait "$1" 2>/dev/null || true; }   # the first process of the pod, so all of it

pod "$work/first"; first=$started
sleep 1
grep -q 'PGDATA 700' "$work/first"
pod "$work/second"; second=$started
sleep 2
grep -q 'another pod holds' "$work/second"
! grep -q 'PGDATA' "$work/second"
end "$first"
sleep 1
grep -q 'PGDATA 700' "$work/second"
end "$second"
echo "the second pod waited for the first, and started after it was killed"
