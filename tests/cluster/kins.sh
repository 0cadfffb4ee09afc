#!/bin/bash
# Builds the cluster tool if need be and runs it: tests/cluster/kins.sh up
set -eu
tools=$("$(dirname "$(readlink -f "$0")")/build.sh")
exec "$tools/kins" "$@"
