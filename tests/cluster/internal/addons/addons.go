// Package addons holds what every cluster has beside Kubernetes itself: DNS,
// dynamic volumes, metrics and an ingress controller.
package addons

import (
	"embed"
	"strings"

	"sigs.k8s.io/yaml"

	"scaledapp.dev/kins/internal/config"
	"scaledapp.dev/kins/internal/node"
	"scaledapp.dev/kins/internal/plan"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// Deployment names an add-on that can be waited for.
type Deployment struct{ Title, Namespace, Name string }

// What a cluster waits for at its start. Metrics come some ten seconds later.
var (
	DNS     = Deployment{"DNS", "kube-system", "coredns"}
	Ingress = Deployment{"the ingress controller", "ingress", "traefik"}
)

// Manifests are the documents to apply to the cluster.
func Manifests(c plan.Cluster) (string, error) {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		return "", err
	}
	var documents []string
	for _, entry := range entries {
		data, err := manifests.ReadFile("manifests/" + entry.Name())
		if err != nil {
			return "", err
		}
		documents = append(documents, string(data))
	}
	fill := strings.NewReplacer("PAUSE_IMAGE", node.PauseImage, "DNS_ADDRESS", c.DNS.String())
	return fill.Replace(strings.Join(documents, "---\n")), nil
}

// toolsMount and toolsVolume give a container the node's own tools.
const (
	toolsMount  = ", {name: tools, mountPath: /tools, readOnly: true}"
	toolsVolume = "      - {name: tools, hostPath: {path: /run/kins/tools, type: Directory}}\n"
)

// Portable are the add-ons that a cluster of kind lacks, metrics and ingress,
// with an image that holds the tools in place of the node's.
func Portable(image string) (string, error) {
	var documents []string
	for _, name := range []string{"metrics-server", "traefik"} {
		data, err := manifests.ReadFile("manifests/" + name + ".yaml")
		if err != nil {
			return "", err
		}
		documents = append(documents, string(data))
	}
	fill := strings.NewReplacer("PAUSE_IMAGE", image, toolsMount, "", toolsVolume, "")
	return fill.Replace(strings.Join(documents, "---\n")), nil
}

// Nodes are the node objects. They are applied before the kubelets register,
// which then adopt them with their labels, address ranges and taints.
func Nodes(c plan.Cluster) (string, error) {
	var documents []string
	for _, n := range c.Nodes {
		labels := map[string]string{"kubernetes.io/hostname": n.Name}
		for key, value := range n.Labels {
			labels[key] = value
		}
		spec := map[string]any{"podCIDR": n.Pods.String(), "podCIDRs": []string{n.Pods.String()}}
		if n.Role == config.ControlPlane {
			labels["node-role.kubernetes.io/control-plane"] = ""
			if len(c.Nodes) > 1 {
				spec["taints"] = []map[string]string{{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}}
			}
		}
		document, err := yaml.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": n.Name, "labels": labels}, "spec": spec,
		})
		if err != nil {
			return "", err
		}
		documents = append(documents, string(document))
	}
	return strings.Join(documents, "---\n"), nil
}
