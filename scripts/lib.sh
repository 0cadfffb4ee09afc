# Shared by the scripts of this folder; sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${SCALEDAPP_CACHE:-$HOME/.cache/scaledapp}
# One target directory for all checkouts and both packages: dependencies are built once for each content.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/cargo}

say() { printf '\n== %s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# What a fresh machine must have and nobody can install for it is named before anything is built.
need_rust() {
  [ -x "$HOME/.cargo/bin/cargo" ] && PATH=$HOME/.cargo/bin:$PATH
  command -v cargo >/dev/null || die "A Rust toolchain is missing: install Rust 1.89 or newer with rustup, then run this again."
  local have
  have=$(cargo --version | awk '{print $2}')
  [ "$(printf '%s\n1.89.0\n' "$have" | sort -V | head -n1)" = 1.89.0 ] || die "Rust $have is too old: 1.89 or newer is needed (rustup update)."
}

# Debian packages that the builds and tests need beside those of the local cluster.
need_packages() {
  local missing=() pair
  for pair in "$@"; do
    case ${pair%%:*} in
      /*) compgen -G "${pair%%:*}" >/dev/null || missing+=("${pair##*:}") ;;
      *) command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "These packages are missing and there is no apt-get to install them: ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "These packages are missing and only root can install them: ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get -qq -o DPkg::Lock::Timeout=600 update
  # The packages of servers would start them; the tests start their own.
  local policy=/usr/sbin/policy-rc.d made= status=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 0755 $policy
    made=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 --no-install-recommends install "${missing[@]}" >/dev/null || status=$?
  [ -z "$made" ] || rm -f $policy
  return $status
}

# Prints the path of helm: the machine's own, or the tool of the local cluster's Go module, with which it shares the libraries of Kubernetes.
helm_binary() {
  if command -v helm >/dev/null; then command -v helm; return; fi
  local version helm
  version=$(awk '$1 == "helm.sh/helm/v3" {print $2}' "$ROOT/tests/cluster/go.mod")
  helm=$CACHE/tools/helm-$version
  if [ ! -x "$helm" ]; then
    "$ROOT/tests/cluster/setup.sh" >&2
    printf 'building helm %s (some minutes)\n' "$version" >&2
    PATH=$PATH:$CACHE/tools/go/bin CGO_ENABLED=0 go build -C "$ROOT/tests/cluster" -trimpath -ldflags '-s -w' -o "$helm.new" helm.sh/helm/v3/cmd/helm >&2
    mv "$helm.new" "$helm"
  fi
  printf '%s\n' "$helm"
}

# One line of build/images.yaml.
image() { sed -n "s/^$1: //p" "$ROOT/build/images.yaml"; }

# Installs or upgrades the operator from the chart. Arguments are further options of helm.
install_operator() {
  local name images=()
  for name in operator postgres pgbouncer haproxy redis rabbitmq varnish; do images+=(--set-string "images.$name=$(image "$name")"); done
  "$(helm_binary)" upgrade --install scaledapp "$ROOT/charts/scaledapp" --namespace scaledapp-system --create-namespace "${images[@]}" \
    --set environment.requestPercent=10 --wait --timeout 3m "$@" >/dev/null
}

# What the end-to-end tests are told of the cluster KINS_NAME. Arguments: the cluster's tool, the ingress, the shop's image.
e2e_settings() {
  export SCALEDAPP_E2E_KINS=$1 SCALEDAPP_E2E_KUBECTL="$1 kubectl" SCALEDAPP_E2E_URL=$2 SCALEDAPP_E2E_SHOP_IMAGE=$3
  export SCALEDAPP_E2E_SHOP=$CARGO_TARGET_DIR/release/shop SCALEDAPP_E2E_CONTROL_PLANE=$KINS_NAME-control-plane
  export SCALEDAPP_E2E_TEST_IMAGES=$ROOT/build/test-images.yaml
  export SCALEDAPP_E2E_AUDIT_LOG
  SCALEDAPP_E2E_AUDIT_LOG=$("$1" audit-log)
}
