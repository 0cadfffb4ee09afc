// Package node writes what a node is made of: its files, and the services that
// its init runs, with every flag. It starts nothing.
package node

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Where a node finds the cluster's directory, the binaries, and its own
// directory, whatever these are called on the machine.
const (
	ClusterMount = "/run/kins/cluster"
	ToolsMount   = "/run/kins/tools"
	NodeMount    = "/run/kins/node"
)

// Paths inside a node.
const (
	ContainerdSocket = "/run/containerd/containerd.sock"
	AuditLog         = "/var/log/kubernetes/audit.log"
	// VolumesMount is a constant of Kubernetes' own host path provisioner. It is
	// one directory of the whole cluster, so a volume follows its pod.
	VolumesMount = "/tmp/hostpath_pv"
)

// The services of a node, by the names that `kins svc` knows.
const (
	Etcd       = "etcd"
	APIServer  = "apiserver"
	Manager    = "controller-manager"
	Scheduler  = "scheduler"
	Expander   = "volume-expander"
	Containerd = "containerd"
	Kubelet    = "kubelet"
	KubeProxy  = "kube-proxy"
)

// Condition is what a service waits for before it starts the first time.
type Condition string

// The conditions.
const (
	Now             Condition = ""
	ContainerdReady Condition = "containerd and the API server's port answer"
	// APIReady needs the RBAC bootstrap: started on the mere port, the controller
	// manager exits at once.
	APIReady Condition = "the API server is ready"
)

// Service is one supervised process of a node.
type Service struct {
	Name    string
	Command []string
	After   Condition
}

// Spec is all that a node's init knows.
type Spec struct {
	Name          string
	APIServer     string // host:port
	OpensVolumes  bool   // the node whose controller manager makes the volumes
	Services      []Service
	ClusterDir    string // on the machine
	ToolsDir      string // on the machine
	NodeDir       string // on the machine
	KubeconfigFor string // a component's kubeconfig, inside the node, to ask for readiness
}

// File is where the spec lies in a node's directory.
func File(nodeDir string) string { return filepath.Join(nodeDir, "node.json") }

// Pids and Stops are the directories in which init publishes the process ids
// of its services, and in which a file of a service's name holds it down.
func Pids(nodeDir string) string { return filepath.Join(nodeDir, "pids") }

// Stops: see Pids.
func Stops(nodeDir string) string { return filepath.Join(nodeDir, "stop") }

// Read reads a spec.
func Read(file string) (Spec, error) {
	var spec Spec
	data, err := os.ReadFile(file)
	if err != nil {
		return spec, err
	}
	return spec, json.Unmarshal(data, &spec)
}

func writeJSON(file string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
