package node

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"scaledapp.dev/kins/internal/config"
	"scaledapp.dev/kins/internal/pki"
	"scaledapp.dev/kins/internal/plan"
)

// PauseImage holds the namespaces of every pod together.
const PauseImage = "registry.k8s.io/pause:3.10"

// Write makes the directory of a node: its configuration files and its spec.
// The node's data (var) is left as it is.
func Write(c plan.Cluster, n plan.Node, clusterDir, toolsDir, nodeDir string) error {
	for _, dir := range []string{"etc/cni", "log", "var", "tmp"} {
		if err := os.MkdirAll(filepath.Join(nodeDir, dir), 0o755); err != nil {
			return err
		}
	}
	spec := Spec{
		Name: n.Name, APIServer: fmt.Sprintf("%s:%d", c.ControlPlane().IP, plan.APIPort),
		ClusterDir: clusterDir, ToolsDir: toolsDir, NodeDir: nodeDir,
		OpensVolumes:  n.Role == config.ControlPlane,
		KubeconfigFor: pkiFile(pki.Manager + ".conf"),
	}
	files, err := baseFiles(c, n, nodeDir)
	if err != nil {
		return err
	}
	if n.Role == config.ControlPlane {
		files["audit-policy.yaml"] = auditPolicy
		spec.Services = append(spec.Services, controlPlane(c, n)...)
	}
	spec.Services = append(spec.Services, worker(n)...)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(nodeDir, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return writeJSON(File(nodeDir), spec)
}

func baseFiles(c plan.Cluster, n plan.Node, nodeDir string) (map[string]string, error) {
	id, err := machineID(filepath.Join(nodeDir, "etc", "machine-id"))
	if err != nil {
		return nil, err
	}
	kubelet, err := kubeletConfig(c, n)
	if err != nil {
		return nil, err
	}
	proxy, err := kubeProxyConfig(c, n)
	if err != nil {
		return nil, err
	}
	cni, err := cniConfig(n)
	if err != nil {
		return nil, err
	}
	hosts := "127.0.0.1 localhost\n"
	for _, other := range c.Nodes {
		hosts += fmt.Sprintf("%s %s\n", other.IP, other.Name)
	}
	return map[string]string{
		"machine-id": id, "hosts": hosts, "resolv.conf": fmt.Sprintf("nameserver %s\n", c.DNS),
		"kubelet.yaml": kubelet, "kube-proxy.yaml": proxy, "cni/10-kins.conflist": cni, "containerd.toml": containerdConfig,
	}, nil
}

// machineID keeps a node's identity over `up` on an existing cluster.
func machineID(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(data), err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	return hex.EncodeToString(id) + "\n", nil
}

func pkiFile(name string) string   { return ClusterMount + "/pki/" + name }
func etcFile(name string) string   { return NodeMount + "/etc/" + name }
func kins(args ...string) []string { return append([]string{ToolsMount + "/kins"}, args...) }
