#!/bin/bash
# Proves the local cluster: pages through the ingress, DNS, volumes that follow
# their pods and grow, metrics, faults, the audit log, two clusters side by side, and
# ROUNDS times (10 unless set; CI sets 3) up and down with nothing left behind.
set -eu
cd "$(dirname "$(readlink -f "$0")")"
ROUNDS=${ROUNDS:-10}
export KINS_NAME=${KINS_NAME:-kins-test}
CONFIG=../../kind-config.yaml
OFFSET=${PORT_OFFSET:-2000}
unset KUBECONFIG

tools=$(./build.sh)
kins=$tools/kins
command -v go >/dev/null || PATH=$(dirname "$tools")/go/bin:$PATH
work=$(mktemp -d)
step=start
finish() {
  local code=$?
  "$kins" down >/dev/null 2>&1 || true
  KINS_NAME=$KINS_NAME-b "$kins" down >/dev/null 2>&1 || true
  rm -rf "$work"
  [ $code = 0 ] && echo "cluster test: all passed" || echo "cluster test: FAILED at: $step" >&2
}
trap finish EXIT

now() { date +%s.%N; }
since() { awk "BEGIN {printf \"%.1f\", $(now) - $1}"; }
begin() { step=$*; began=$(now); }
passed() { echo "ok  $(since "$began") s  $step${1:+: $1}"; }
kubectl() { "$kins" kubectl "$@"; }
quiet() { "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }; }
# eventually SECONDS COMMAND...: until it succeeds
eventually() {
  local end=$((SECONDS + $1)); shift
  until "$@" >"$work/out" 2>&1; do
    [ $SECONDS -lt $end ] || { cat "$work/out" >&2; return 1; }
    sleep 0.3
  done
}
up() { "$kins" up --config "$CONFIG" --name "$KINS_NAME" --port-offset "$OFFSET" "$@"; }
page() { curl -sf --noproxy '*' --max-time 3 -H "Host: hello.example" "http://127.0.0.1:$((18080 + OFFSET))/"; }
secure_page() { curl -skf --noproxy '*' --max-time 3 -H "Host: hello.example" "https://127.0.0.1:$((18443 + OFFSET))/"; }
node_ready() { [ "$(kubectl get node "$KINS_NAME-$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = "$2" ]; }
answering_pods() { for _ in $(seq 30); do page; done | sort -u | wc -l; }
each_worker_answers() { local pods; pods=$(answering_pods); [ "$pods" = 3 ] || { echo "$pods of 3 pods answer" >&2; return 1; }; }
volume_pod() { # NAME NODE ARGS [PHASE]: waits until it has ended, unless another phase is named
  sed -e "s/NAME/$1/; s/NODE/$KINS_NAME-$2/" -e "s#ARGS#$3#" test/volume-pod.yaml | kubectl apply -f - &&
    kubectl wait --for=jsonpath='{.status.phase}'="${4:-Succeeded}" "pod/$1" --timeout=60s
}
ask_for() { kubectl patch pvc data --type merge -p "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"$1\"}}}}"; }
has_size() { # the volume and the claim, which shows no sign of resizing any more
  local of; of=$(kubectl get pvc data -o jsonpath='{.spec.volumeName}')
  [ "$(kubectl get pvc data -o jsonpath='{.status.capacity.storage}{.status.conditions}{.status.allocatedResources}')" = "$1" ] &&
    [ "$(kubectl get pv "$of" -o jsonpath='{.spec.capacity.storage}')" = "$1" ]
}
nothing_left() { # other clusters may be up beside this test
  local left
  left=$("$kins" audit "$KINS_NAME"; "$kins" audit "$KINS_NAME-b")
  [ -z "$left" ] || { echo "$left" >&2; return 1; }
}

# Everything but Kubernetes itself, with the flags of the build: no other
# compilation of its modules is wanted.
begin "unit tests"
export CGO_ENABLED=0
packages=$(go list ./internal/... | grep -v /components$)
# shellcheck disable=SC2086 # a list of words
quiet go test -trimpath $packages; passed

begin "nothing of this cluster is on the machine before"
nothing_left; passed

begin "up"
quiet up --tune fault; passed

begin "up again changes nothing"
before=$(kubectl get nodes -o jsonpath='{.items[*].metadata.uid}')
quiet up --tune fault
[ "$before" = "$(kubectl get nodes -o jsonpath='{.items[*].metadata.uid}')" ]; passed

begin "up with another wish is refused"
if quiet up --tune default 2>/dev/null; then exit 1; fi; passed

begin "load an archive, and skip it the second time"
go build -trimpath -ldflags "-s -w" -o "$work/probe" ./cmd/probe
quiet "$kins" image localhost/kins/probe:test "$work/probe.tar" /probe="$work/probe" --entrypoint /probe
quiet "$kins" load "$work/probe.tar"
"$kins" load "$work/probe.tar" | grep -q "on every node already"; passed

begin "load an image of the image store by its name, and skip it the second time"
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
printf 'FROM scratch\nCOPY probe /probe\nENTRYPOINT ["/probe"]\n' >"$work/Dockerfile"
quiet buildah bud --quiet --isolation chroot -t localhost/kins/probe:store "$work"
quiet "$kins" load localhost/kins/probe:store
"$kins" load localhost/kins/probe:store | grep -q "on every node already"
quiet buildah rmi localhost/kins/probe:store; passed

begin "the hello page through the ingress, from a pod on each worker"
quiet kubectl apply -f test/hello.yaml
quiet kubectl rollout status deployment/hello --timeout=60s
eventually 20 page
# The ingress controller learns of the pods one by one.
eventually 20 each_worker_answers
eventually 10 secure_page; passed

begin "cluster DNS, from a pod to a Service and from a node"
quiet kubectl exec deployment/hello -- /probe get http://hello.default.svc.cluster.local/
quiet kubectl exec deployment/hello -- /probe get http://hello/
eventually 10 "$kins" exec worker2 getent hosts hello.default.svc.cluster.local; passed

begin "a volume follows its pod to another node, as a user that is not root"
quiet volume_pod writer worker '[write, /data/file, "kept words"]'
quiet kubectl delete pod writer --now
quiet volume_pod reader worker3 '[read, /data/file]'
[ "$(kubectl logs reader)" = "kept words" ]
quiet kubectl delete pod reader --now; passed

begin "a bound claim grows, and its running pod keeps its data"
quiet volume_pod keeper worker '[serve, ":8080"]' Running
quiet ask_for 200Mi
eventually 10 has_size 200Mi
[ "$(kubectl exec keeper -- /probe read /data/file)" = "kept words" ]
quiet kubectl exec keeper -- /probe write /data/more "more words"
[ "$(kubectl get pod keeper -o jsonpath='{.status.containerStatuses[0].restartCount}')" = 0 ]; passed

begin "metrics"
eventually 60 kubectl top nodes
eventually 60 kubectl top pods; passed

begin "the audit log names the writer"
grep -q '"verb":"patch".*"username":"kubernetes-admin".*"resource":"deployments"' "$("$kins" audit-log)" ||
  grep -q '"verb":"create".*"username":"kubernetes-admin".*"resource":"deployments"' "$("$kins" audit-log)"; passed

begin "a node that is stopped is noticed, and comes back"
"$kins" node stop worker2
eventually 40 node_ready worker2 Unknown
page >/dev/null
quiet "$kins" node start worker2
eventually 40 node_ready worker2 True; passed

begin "a node that is cut off is noticed, and comes back"
"$kins" net down worker3
eventually 40 node_ready worker3 Unknown
"$kins" net up worker3
eventually 40 node_ready worker3 True; passed

begin "a service that is stopped stays down until it is started"
quiet "$kins" svc stop control-plane apiserver
sleep 2
if kubectl get --raw /readyz >/dev/null 2>&1; then exit 1; fi
quiet "$kins" svc start control-plane apiserver
eventually 40 kubectl get --raw /readyz; passed

begin "claims still grow after the API server was away, in running pods"
quiet ask_for 300Mi
eventually 10 has_size 300Mi
[ "$(kubectl exec keeper -- /probe read /data/more)" = "more words" ]
quiet kubectl delete pod keeper --now; passed

begin "up mends a stopped node and a stopped service"
"$kins" node stop worker
"$kins" svc stop worker3 kubelet
quiet up --tune fault
quiet "$kins" status; passed

begin "up mends a lost network; pods and volumes come back"
ip netns delete "kins.$KINS_NAME-worker2"
quiet up --tune fault
quiet kubectl rollout status deployment/hello --timeout=60s
eventually 20 page
quiet volume_pod again worker2 '[read, /data/file]'
[ "$(kubectl logs again)" = "kept words" ]; passed

begin "a second cluster side by side, with its own ports, and down leaves the first alone"
KINS_NAME=$KINS_NAME-b quiet "$kins" up --config "$CONFIG" --name "$KINS_NAME-b" --port-offset $((OFFSET + 1))
KINS_NAME=$KINS_NAME-b quiet "$kins" kubectl get nodes
eventually 30 page
KINS_NAME=$KINS_NAME-b quiet "$kins" down
eventually 5 page
quiet kubectl get nodes; passed

begin "down leaves nothing"
quiet "$kins" down
nothing_left; passed

for round in $(seq "$ROUNDS"); do
  begin "round $round of $ROUNDS"
  quiet up
  upped=$(since "$began"); went=$(now)
  quiet "$kins" down
  downed=$(since "$went")
  nothing_left; passed "up $upped s, down $downed s, nothing left"
done
