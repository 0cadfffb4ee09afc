#!/usr/bin/env bash
# Builds the images of the operator, its engines and the sample shop.
#
#   images/build.sh build [NAME...]   build what is missing, write build/images.yaml (of the tests' images build/test-images.yaml)
#   images/build.sh push REGISTRY     build, tag as REGISTRY/NAME:HASH, push, write build/images.yaml
#   images/build.sh list              print every reference and whether the image exists
#
# The tag is a hash of all that goes into the image: an existing image is never rebuilt, and never overwritten.
# Environment:
#   REGISTRY         prefix of the references (localhost/scaledapp)
#   SCALEDAPP_CACHE  keeps the base image between checkouts (~/.cache/scaledapp)
#   DEBIAN_MIRROR    mirror for the base image (the one that the host's apt uses)
#   OPERATOR_BINARY, SHOP_BINARY   use this file instead of building it with cargo
#   PUSH_OPTIONS     more options for the engine's push, e.g. --tls-verify=false
set -euo pipefail

IMAGES=(postgres pgbouncer haproxy rabbitmq redis varnish operator shop)
TEST_IMAGES=(hello-python hello-node hello-go)   # of examples/hello; built only when they are named
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")
CACHE=${SCALEDAPP_CACHE:-$HOME/.cache/scaledapp}
REGISTRY=${REGISTRY:-localhost/scaledapp}
RESULT=$ROOT/build/images.yaml TEST_RESULT=$ROOT/build/test-images.yaml
BASE=debian:trixie-slim
WORK=

say() { printf 'images: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
cleanup() { [ -z "$WORK" ] || rm -rf --one-file-system "$WORK"; }
trap cleanup EXIT

choose_engine() {
  if command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    ENGINE=docker
  elif command -v podman >/dev/null && podman info >/dev/null 2>&1; then
    ENGINE=podman
  else
    local missing=() tool
    for tool in buildah debootstrap flock; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    [ ${#missing[@]} -eq 0 ] || die "no docker or podman answers, and without them these Debian packages are needed: ${missing[*]} (apt-get install ${missing[*]})"
    [ "$(id -u)" = 0 ] || die "building without docker or podman needs root (debootstrap and chroot)"
    ENGINE=buildah
    export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} BUILDAH_ISOLATION=chroot
    buildah images >/dev/null 2>&1 || export STORAGE_DRIVER=vfs
  fi
}

exists() {
  case $ENGINE in
    docker) docker image inspect "$1" >/dev/null 2>&1 ;;
    *) "$ENGINE" inspect --type image "$1" >/dev/null 2>&1 ;;
  esac
}

# --- the base image, where no engine can pull it ---

host_mirror() {   # host_mirror main|security
  local match='/debian/?$'
  [ "$1" = main ] || match='/debian-security/?$'
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -E -m1 "$match" | sed 's,/$,,' || true
}

# What apt inside a build must know of the host (proxy, private CA); mounted while building, never part of an image.
host_apt_options() {
  local proxy
  for scheme in http https; do
    proxy=$(apt-config --format '%v%n' dump "Acquire::$scheme::Proxy" 2>/dev/null | head -n1)
    [ -z "$proxy" ] || printf 'Acquire::%s::Proxy "%s";\n' "$scheme" "$proxy"
  done
  [[ $MIRROR != https:* ]] || printf 'Acquire::https::CAInfo "/run/host-ca.crt";\n'
}

slim() {   # what the public -slim image leaves out, for this system and for every package installed later
  local root=$1
  cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/groff/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/locale/*
END
  printf 'force-unsafe-io\n' >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  cat >"$root/etc/apt/apt.conf.d/slim" <<'END'
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Apt::AutoRemove::SuggestsImportant "false";
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
END
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 0755 "$root/usr/sbin/policy-rc.d"
  find "$root/usr/share/doc" -type f ! -name copyright -delete
  find "$root/usr/share/doc" -depth -type d -empty -delete
  rm -rf "$root"/usr/share/{man,info,groff,lintian,linda,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*
  rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/machine-id"
}

make_base_tar() {
  local tar=$1 security=$2 root
  root=$WORK/base
  say "making the base system (about a minute)"
  # Without a mirror in the host's apt (on Ubuntu, say) debootstrap takes its own and writes it into the system.
  debootstrap --force-check-gpg --variant=minbase trixie "$root" ${MIRROR:+"$MIRROR"} >"$WORK/debootstrap.log" 2>&1 \
    || { tail -n 5 "$WORK/debootstrap.log" >&2; die "debootstrap failed"; }
  slim "$root"
  [ -z "$MIRROR" ] || printf 'deb %s %s main\n' "$MIRROR" trixie "$MIRROR" trixie-updates >"$root/etc/apt/sources.list"
  [ -z "$security" ] || printf 'deb %s trixie-security main\n' "$security" >>"$root/etc/apt/sources.list"
  tar --sort=name --numeric-owner --one-file-system -C "$root" -cf "$tar.new" .
  mv "$tar.new" "$tar"
  rm -rf --one-file-system "$root"
}

ensure_base() {
  local name=docker.io/library/$BASE tar=$CACHE/debian-trixie-slim.tar security container
  MIRROR=${DEBIAN_MIRROR:-$(host_mirror main)}
  exists "$name" && return
  security=$(host_mirror security)
  [ -s "$tar" ] || make_base_tar "$tar" "$security"
  container=$(buildah from scratch)
  buildah add -q "$container" "$tar" / >/dev/null
  buildah config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit -q --rm "$container" "$name" >/dev/null
  # Short names resolve to localhost/ first: without this tag buildah would ask a registry.
  buildah tag "$name" "localhost/$BASE"
  say "base image $BASE is ready"
}

# --- one image ---

cargo_binary() {   # cargo_binary DIR NAME -> path of the release binary
  local manifest=$1/Cargo.toml target
  [ -f "$manifest" ] || die "$2: there is no ${manifest#"$ROOT"/} to build it from"
  command -v cargo >/dev/null || die "$2: cargo is missing; install a Rust toolchain with rustup"
  cargo build --quiet --release --locked --manifest-path "$manifest" --bin "$2" >&2 || die "$2: cargo build failed"
  target=$(cargo metadata --format-version 1 --no-deps --manifest-path "$manifest" | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)
  printf '%s\n' "$target/release/$2"
}

go_binary() {   # go_binary DIR FILE
  local go=$CACHE/tools/go/bin/go
  [ -x "$go" ] || go=go
  command -v "$go" >/dev/null || die "${1#"$ROOT"/}: Go is missing; tests/cluster/setup.sh fetches it"
  (cd "$1" && CGO_ENABLED=0 GOFLAGS=-mod=readonly "$go" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$2" . >&2) || die "${1#"$ROOT"/}: go build failed"
}

is_for_tests() { [[ " ${TEST_IMAGES[*]} " = *" $1 "* ]]; }

stage() {   # the build context of an image: its folder and, for our own programs, the binary
  local name=$1 context=$WORK/$1 source=$HERE/$1 binary
  ! is_for_tests "$name" || source=$ROOT/examples/hello/${name#hello-}
  rm -rf "$context"
  cp -a "$source" "$context"
  case $name in
    hello-go)
      go_binary "$source" "$context/hello"
      rm "$context"/*.go "$context"/go.* ;;
    hello-*) rm -rf "$context/node_modules" ;;
    operator)
      binary=${OPERATOR_BINARY:-}
      [ -n "$binary" ] || binary=$(cargo_binary "$ROOT" scaledapp)
      install -m 0755 "$binary" "$context/scaledapp" ;;
    shop)
      binary=${SHOP_BINARY:-}
      [ -n "$binary" ] || binary=$(cargo_binary "$ROOT/examples/shop" shop)
      install -m 0755 "$binary" "$context/shop" ;;
  esac
}

content_hash() { (cd "$1" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-12); }

reference() { printf '%s/%s:%s\n' "$REGISTRY" "$1" "$(content_hash "$WORK/$1")"; }

build_image() {
  local name=$1 reference=$2 options=() start=$SECONDS
  if [ "$ENGINE" = buildah ]; then
    ensure_base
    host_apt_options >"$WORK/host-apt.conf"
    [ ! -s "$WORK/host-apt.conf" ] || options+=(--volume "$WORK/host-apt.conf:/etc/apt/apt.conf.d/host:ro")
    [[ $MIRROR != https:* ]] || options+=(--volume "/etc/ssl/certs/ca-certificates.crt:/run/host-ca.crt:ro")
    # Drivers come from their registries over TLS, by the authorities that the host trusts; the stage that fetches them is left behind.
    ! is_for_tests "$name" || options+=(--volume "/etc/ssl/certs/ca-certificates.crt:/usr/local/share/ca-certificates/host.crt:ro")
    options+=(--isolation chroot --pull=false --format docker --layers)   # layers: a new binary does not install packages again
    say "$name: building"
    buildah bud "${options[@]}" -t "$reference" "$WORK/$name" >"$WORK/$name.log" 2>&1 || { tail -n 30 "$WORK/$name.log" >&2; die "$name: the build failed"; }
  else
    say "$name: building with $ENGINE"
    "$ENGINE" build -t "$reference" "$WORK/$name" >"$WORK/$name.log" 2>&1 || { tail -n 30 "$WORK/$name.log" >&2; die "$name: the build failed"; }
  fi
  say "$name: built in $((SECONDS - start)) s"
}

# One build at a time on a machine: two would make the same base and the same layers. Compiling stays outside.
locked() {
  exec 8>"$CACHE/images.lock"
  flock -n 8 || { say "another build of images runs, waiting for it"; flock 8; }
  exists "$3" || "$@"
  exec 8>&-
}

record() {   # replace the line of one image in the file of references
  local file=$RESULT
  ! is_for_tests "$1" || file=$TEST_RESULT
  mkdir -p "${file%/*}"
  { grep -v "^$1: " "$file" 2>/dev/null || true; printf '%s: %s\n' "$1" "$2"; } | LC_ALL=C sort >"$file.new"
  mv "$file.new" "$file"
}

known() { local name; for name in "${IMAGES[@]}" "${TEST_IMAGES[@]}"; do [ "$name" != "$1" ] || return 0; done; die "no image is called $1; there are: ${IMAGES[*]}, and for tests ${TEST_IMAGES[*]}"; }

build_all() {
  local name reference
  for name in "$@"; do known "$name"; done
  for name in "$@"; do
    stage "$name"
    reference=$(reference "$name")
    exists "$reference" || locked build_image "$name" "$reference"
    record "$name" "$reference"
  done
}

push_all() {
  local target=${1%/} name local_reference remote_reference
  build_all "${IMAGES[@]}"
  for name in "${IMAGES[@]}"; do
    local_reference=$(reference "$name")
    remote_reference=$target/$name:${local_reference##*:}
    say "$name: pushing $remote_reference"
    "$ENGINE" tag "$local_reference" "$remote_reference"
    # shellcheck disable=SC2086 # several options in one variable are meant
    "$ENGINE" push ${PUSH_OPTIONS:-} "$remote_reference" >"$WORK/push.log" 2>&1 || { tail -n 5 "$WORK/push.log" >&2; die "$name: the push failed"; }
    record "$name" "$remote_reference"
  done
}

list() {
  local name reference state
  for name in "${IMAGES[@]}"; do
    stage "$name"
    reference=$(reference "$name")
    if exists "$reference"; then state=built; else state=missing; fi
    printf '%s: %s  # %s\n' "$name" "$reference" "$state"
  done
}

main() {
  local verb=${1:-}
  case $verb in
    build | list | push) shift ;;
    *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  choose_engine
  mkdir -p "$CACHE"
  WORK=$(mktemp -d "$CACHE/work.XXXXXX")
  case $verb in
    build) [ $# -gt 0 ] || set -- "${IMAGES[@]}"; build_all "$@"; say "references are in build/" ;;
    push) REGISTRY=localhost/scaledapp; [ $# -eq 1 ] || die "push takes one argument, the registry, e.g. registry.example/scaledapp"; push_all "$1" ;;
    list) list ;;
  esac
}

main "$@"
