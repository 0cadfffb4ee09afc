package node

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"scaledapp.dev/kins/internal/pki"
	"scaledapp.dev/kins/internal/plan"
)

// worker is what every node runs, the control plane too.
func worker(n plan.Node) []Service {
	return []Service{
		{Name: Containerd, Command: []string{"containerd", "--config", etcFile("containerd.toml")}},
		{Name: Kubelet, After: ContainerdReady, Command: kins("kubelet",
			"--config", etcFile("kubelet.yaml"), "--kubeconfig", pkiFile(n.Name+".conf"),
			"--hostname-override", n.Name, "--node-ip", n.IP.String(),
			"--root-dir", "/var/lib/kubelet", "--cert-dir", "/var/lib/kubelet/pki")},
		{Name: KubeProxy, After: ContainerdReady, Command: kins("kube-proxy", "--config", etcFile("kube-proxy.yaml"))},
	}
}

// Oom scores cannot be lowered in every environment, and need not be here.
const containerdConfig = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "` + ContainerdSocket + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + PauseImage + `"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "` + NodeMount + `/etc/cni"
`

func kubeletConfig(c plan.Cluster, n plan.Node) (string, error) {
	settings := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": map[string]any{
			"x509": map[string]any{"clientCAFile": pkiFile(pki.CA + ".crt")}, "webhook": map[string]any{"enabled": true}, "anonymous": map[string]any{"enabled": false},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"clusterDomain": "cluster.local", "clusterDNS": []string{c.DNS.String()}, "resolvConf": etcFile("resolv.conf"),
		"cgroupDriver": "cgroupfs", "failCgroupV1": false, "failSwapOn": false,
		"containerRuntimeEndpoint": "unix://" + ContainerdSocket,
		"tlsCertFile":              pkiFile(n.Name + ".crt"), "tlsPrivateKeyFile": pkiFile(n.Name + ".key"),
		// The machine's disk and memory are shared by all nodes and by other work:
		// evict only when it is really full, and never collect images, which no
		// registry could give back.
		"evictionHard":                map[string]string{"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
		"imageGCHighThresholdPercent": 100, "serializeImagePulls": false, "maxPods": 110,
	}
	if c.FaultTuned {
		settings["nodeLeaseDurationSeconds"] = 8
		settings["nodeStatusUpdateFrequency"] = "2s"
	}
	data, err := yaml.Marshal(settings)
	return string(data), err
}

// kubeProxyConfig leaves the connection table's sysctls alone: they cannot be
// written in a network namespace.
func kubeProxyConfig(c plan.Cluster, n plan.Node) (string, error) {
	data, err := yaml.Marshal(map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": map[string]any{"kubeconfig": pkiFile(pki.Proxy + ".conf")},
		"mode":             "iptables", "clusterCIDR": c.PodSubnet.String(), "hostnameOverride": n.Name,
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	})
	return string(data), err
}

func cniConfig(n plan.Node) (string, error) {
	data, err := json.Marshal(map[string]any{
		"cniVersion": "0.4.0", "name": "kins",
		"plugins": []any{
			map[string]any{"type": "ptp", "ipMasq": false, "mtu": 1500, "ipam": map[string]any{
				"type": "host-local", "dataDir": "/var/lib/cni",
				"ranges": [][]map[string]string{{{"subnet": n.Pods.String()}}}, "routes": []map[string]string{{"dst": "0.0.0.0/0"}},
			}},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	})
	return fmt.Sprintf("%s\n", data), err
}
