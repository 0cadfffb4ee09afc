package config

import (
	"strings"
	"testing"
)

const header = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"

func TestTheProjectsOwnConfiguration(t *testing.T) {
	config, err := Read("../../../../kind-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if config.Name != "scaledapp" || len(config.Nodes) != 4 || config.Nodes[3].Labels["topology.kubernetes.io/zone"] != "c" {
		t.Fatalf("unexpected: %+v", config)
	}
	if got := config.Nodes[0].ExtraPortMappings[0]; got.ContainerPort != 80 || got.HostPort != 18080 || got.ListenAddress != "127.0.0.1" {
		t.Fatalf("unexpected mapping: %+v", got)
	}
}

func TestDefaultsAreKindsExceptForTheListeningAddress(t *testing.T) {
	config, err := Parse([]byte(header + "nodes:\n- extraPortMappings: [{containerPort: 80, hostPort: 8080}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if config.Name != "kind" || config.Nodes[0].Role != ControlPlane || config.Networking.PodSubnet != "10.244.0.0/16" {
		t.Fatalf("unexpected: %+v", config)
	}
	if got := config.Nodes[0].ExtraPortMappings[0].ListenAddress; got != "127.0.0.1" {
		t.Fatalf("listens on %s", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, message string }{
		"another kind":         {"kind: Pod\n", "kind Cluster"},
		"a field not acted on": {header + "featureGates: {A: true}\n", "featureGates"},
		"an unknown role":      {header + "nodes: [{role: etcd}]\n", "neither"},
		"two control planes":   {header + "nodes: [{}, {}]\n", "exactly one"},
		"no control plane":     {header + "nodes: [{role: worker}]\n", "exactly one"},
		"UDP":                  {header + "nodes: [{extraPortMappings: [{containerPort: 1, hostPort: 1, protocol: UDP}]}]\n", "TCP"},
		"port 0":               {header + "nodes: [{extraPortMappings: [{containerPort: 0, hostPort: 1}]}]\n", "not a port"},
		"an address":           {header + "nodes: [{extraPortMappings: [{containerPort: 1, hostPort: 1, listenAddress: here}]}]\n", "here"},
		"a long name":          {header + "name: " + strings.Repeat("x", 41) + "\n", "at most 40"},
		"a path as name":       {header + "name: ../x\n", "cluster name"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v does not contain %q", name, err, c.message)
		}
	}
}
