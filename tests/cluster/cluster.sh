#!/bin/bash
# The local cluster, by whatever can run it: kind where a container engine's
# daemon answers, otherwise kins.
# usage: cluster.sh up|down|load IMAGE...|kubeconfig|status   (CLUSTER: its name)
set -eu
here=$(dirname "$(readlink -f "$0")")
CACHE=${SCALEDAPP_CACHE:-$HOME/.cache/scaledapp}
CLUSTER=${CLUSTER:-scaledapp}
CONFIG=${KIND_CONFIG:-$here/../../kind-config.yaml}
KIND=0.31.0

# An engine counts only when its daemon answers; a client alone is none.
engine() {
  if docker info >/dev/null 2>&1; then echo docker; elif podman info >/dev/null 2>&1; then echo podman; fi
}

find_kind() {
  command -v kind && return
  local tool=$CACHE/tools/kind-$KIND/kind
  if [ ! -x "$tool" ]; then
    "$here/setup.sh" >&2
    PATH=$PATH:$CACHE/tools/go/bin GOBIN=$(dirname "$tool") go install "sigs.k8s.io/kind@v$KIND" >&2 || return 1
  fi
  echo "$tool"
}

# What kind does not bring: metrics and the ingress controller.
add_ons() { # KIND KUBECONFIG
  local tools archive image
  tools=$("$here/build.sh")
  image=localhost/kins/tools:${tools##*-}
  archive=$(mktemp --suffix .tar)
  "$tools/kins" image "$image" "$archive" /tools/metrics-server="$tools/metrics-server" /tools/traefik="$tools/traefik"
  "$1" load image-archive --name "$CLUSTER" "$archive"
  rm -f "$archive"
  "$tools/kins" addons "$image" | "$tools/kins" kubectl --kubeconfig "$2" apply --server-side -f -
  "$tools/kins" kubectl --kubeconfig "$2" -n ingress rollout status deployment/traefik --timeout 120s
}

with_kind() { # ENGINE KIND VERB ARGS...
  export KIND_EXPERIMENTAL_PROVIDER=$1
  local engine=$1 kind=$2 verb=$3 file=$CACHE/clusters/$CLUSTER.kubeconfig image archive
  shift 3
  case $verb in
    up)
      mkdir -p "$CACHE/clusters"
      "$kind" get clusters 2>/dev/null | grep -qx "$CLUSTER" || "$kind" create cluster --name "$CLUSTER" --config "$CONFIG" --kubeconfig "$file" --wait 120s
      add_ons "$kind" "$file"
      ;;
    down) "$kind" delete cluster --name "$CLUSTER" --kubeconfig "$file" && rm -f "$file" ;;
    kubeconfig) echo "$file" ;;
    status) "$kind" get nodes --name "$CLUSTER" ;;
    load)
      archive=$(mktemp --suffix .tar)
      for image in "$@"; do
        if [ -f "$image" ]; then "$kind" load image-archive --name "$CLUSTER" "$image"; continue; fi
        rm -f "$archive"
        STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} buildah push --quiet "$image" "docker-archive:$archive:$image"
        "$kind" load image-archive --name "$CLUSTER" "$archive"
      done
      rm -f "$archive"
      ;;
  esac
}

verb=${1:-}
case $verb in up | down | load | kubeconfig | status) shift ;; *) sed -n '2,5s/^# //p' "$0" >&2; exit 2 ;; esac
engine=$(engine)
if [ -n "$engine" ] && kind=$(find_kind); then
  with_kind "$engine" "$kind" "$verb" "$@"
elif [ "$verb" = up ]; then
  "$here/kins.sh" up --config "$CONFIG" --name "$CLUSTER" "$@"
else
  KINS_NAME=$CLUSTER "$here/kins.sh" "$verb" "$@"
fi
