// Package config reads kind's cluster configuration, the part of it that kins
// acts on. It refuses every other field: a setting that would be silently
// ignored is worse than one that is refused.
package config

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"
)

// The roles of kind's format.
const (
	ControlPlane = "control-plane"
	Worker       = "worker"
)

// Config is a cluster in kind's format.
type Config struct {
	Kind       string     `json:"kind"`
	APIVersion string     `json:"apiVersion"`
	Name       string     `json:"name"`
	Networking Networking `json:"networking"`
	Nodes      []Node     `json:"nodes"`
}

// Networking holds the ranges of pods and services and the port of the API
// server on the loopback of the machine; 0 means any free one.
type Networking struct {
	PodSubnet     string `json:"podSubnet"`
	ServiceSubnet string `json:"serviceSubnet"`
	APIServerPort int    `json:"apiServerPort"`
}

// Node is one node: its role, its labels, and which of its ports are reachable
// from the machine.
type Node struct {
	Role              string            `json:"role"`
	Labels            map[string]string `json:"labels"`
	ExtraPortMappings []PortMapping     `json:"extraPortMappings"`
}

// PortMapping makes a TCP port of a node reachable from the machine.
type PortMapping struct {
	ContainerPort int    `json:"containerPort"`
	HostPort      int    `json:"hostPort"`
	ListenAddress string `json:"listenAddress"`
	Protocol      string `json:"protocol"`
}

// The longest name keeps NAME-control-plane within a host name's 63 characters.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Read reads and checks the file and fills in what it leaves out.
func Read(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	config, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

// Parse is Read for a document in memory.
func Parse(data []byte) (Config, error) {
	var config Config
	if err := yaml.UnmarshalStrict(data, &config); err != nil {
		return Config{}, err
	}
	config.defaults()
	return config, config.check()
}

func (c *Config) defaults() {
	if c.Name == "" {
		c.Name = "kind"
	}
	if c.Networking.PodSubnet == "" {
		c.Networking.PodSubnet = "10.244.0.0/16"
	}
	if c.Networking.ServiceSubnet == "" {
		c.Networking.ServiceSubnet = "10.96.0.0/16"
	}
	if len(c.Nodes) == 0 {
		c.Nodes = []Node{{Role: ControlPlane}}
	}
	for i := range c.Nodes {
		if c.Nodes[i].Role == "" {
			c.Nodes[i].Role = ControlPlane
		}
		for j := range c.Nodes[i].ExtraPortMappings {
			mapping := &c.Nodes[i].ExtraPortMappings[j]
			// kind listens on every address; a test cluster has no business there.
			if mapping.ListenAddress == "" {
				mapping.ListenAddress = "127.0.0.1"
			}
		}
	}
}

func (c *Config) check() error {
	if c.Kind != "Cluster" || c.APIVersion != "kind.x-k8s.io/v1alpha4" {
		return fmt.Errorf("kind Cluster of kind.x-k8s.io/v1alpha4 expected, not %q of %q", c.Kind, c.APIVersion)
	}
	if err := CheckName(c.Name); err != nil {
		return err
	}
	controlPlanes := 0
	for i, node := range c.Nodes {
		switch node.Role {
		case ControlPlane:
			controlPlanes++
		case Worker:
		default:
			return fmt.Errorf("nodes[%d]: role %q is neither %s nor %s", i, node.Role, ControlPlane, Worker)
		}
		for _, mapping := range node.ExtraPortMappings {
			if err := mapping.check(); err != nil {
				return fmt.Errorf("nodes[%d]: %w", i, err)
			}
		}
	}
	if controlPlanes != 1 {
		return fmt.Errorf("exactly one control-plane node is supported, not %d", controlPlanes)
	}
	return nil
}

// CheckName refuses names that cannot be part of a host name.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cluster name %q: lower-case letters, digits and dashes, at most 40 characters", name)
	}
	return nil
}

func (m PortMapping) check() error {
	if m.Protocol != "" && m.Protocol != "TCP" {
		return fmt.Errorf("port mapping %d: only TCP is supported, not %s", m.HostPort, m.Protocol)
	}
	for _, port := range []int{m.ContainerPort, m.HostPort} {
		if port < 1 || port > 65535 {
			return fmt.Errorf("port mapping %d to %d: not a port", m.HostPort, m.ContainerPort)
		}
	}
	if _, err := netip.ParseAddr(m.ListenAddress); err != nil {
		return fmt.Errorf("port mapping %d: %w", m.HostPort, err)
	}
	return nil
}
