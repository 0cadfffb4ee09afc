// Package plan decides every address, name and port of a cluster before
// anything is made. It is pure: the same input gives the same plan.
package plan

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sort"

	"scaledapp.dev/kins/internal/config"
)

// APIPort is where the API server listens on the control plane.
const APIPort = 6443

// MaxIndex bounds the number of clusters on one machine: each has one /24 of
// 172.30.0.0/16 for its nodes.
const MaxIndex = 250

// Cluster is all that is fixed about a cluster for its whole life.
type Cluster struct {
	Name        string
	Index       int
	Gateway     netip.Addr   // of the nodes: the bridge
	NodeSubnet  netip.Prefix // 172.30.INDEX.0/24
	PodSubnet   netip.Prefix
	Services    netip.Prefix
	DNS         netip.Addr // the tenth service address
	Kubernetes  netip.Addr // the first service address
	APIHostPort int        // on the machine's loopback
	FaultTuned  bool       // notice faults within seconds instead of a minute
	Nodes       []Node
}

// Node is a node of the plan.
type Node struct {
	Name   string
	Role   string
	IP     netip.Addr
	Pods   netip.Prefix
	Labels map[string]string
	Ports  []Port
}

// Port makes Node's port Inside reachable at Listen on the machine.
type Port struct {
	Listen netip.AddrPort
	Inside int
}

// New lays out the cluster. The index distinguishes clusters on one machine;
// offset is added to every host port that the configuration names.
func New(c config.Config, name string, index, apiHostPort, offset int, faultTuned bool) (Cluster, error) {
	pods, err := netip.ParsePrefix(c.Networking.PodSubnet)
	if err != nil {
		return Cluster{}, fmt.Errorf("podSubnet: %w", err)
	}
	services, err := netip.ParsePrefix(c.Networking.ServiceSubnet)
	if err != nil {
		return Cluster{}, fmt.Errorf("serviceSubnet: %w", err)
	}
	if !pods.Addr().Is4() || !services.Addr().Is4() || pods.Bits() > 24 || services.Bits() > 27 {
		return Cluster{}, fmt.Errorf("IPv4 subnets are needed: pods /24 or larger, services /27 or larger; not %s and %s", pods, services)
	}
	if len(c.Nodes) > 1<<(24-pods.Bits()) || len(c.Nodes) > 200 {
		return Cluster{}, fmt.Errorf("%d nodes do not fit into %s: each takes a /24", len(c.Nodes), pods)
	}
	lan := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 30, byte(index), 0}), 24)
	cluster := Cluster{
		Name: name, Index: index, NodeSubnet: lan, Gateway: add(lan.Addr(), 1),
		PodSubnet: pods.Masked(), Services: services.Masked(),
		DNS: add(services.Masked().Addr(), 10), Kubernetes: add(services.Masked().Addr(), 1),
		APIHostPort: apiHostPort, FaultTuned: faultTuned,
	}
	count := map[string]int{}
	for i, n := range c.Nodes {
		count[n.Role]++
		node := Node{
			Name: nodeName(name, n.Role, count[n.Role]), Role: n.Role, Labels: n.Labels,
			IP:   add(lan.Addr(), uint32(i)+2),
			Pods: netip.PrefixFrom(add(cluster.PodSubnet.Addr(), uint32(i)<<8), 24),
		}
		for _, m := range n.ExtraPortMappings {
			address, err := netip.ParseAddr(m.ListenAddress)
			if err != nil {
				return Cluster{}, err
			}
			if m.HostPort+offset > 65535 {
				return Cluster{}, fmt.Errorf("host port %d plus %d is not a port", m.HostPort, offset)
			}
			node.Ports = append(node.Ports, Port{Listen: netip.AddrPortFrom(address, uint16(m.HostPort+offset)), Inside: m.ContainerPort})
		}
		cluster.Nodes = append(cluster.Nodes, node)
	}
	return cluster, nil
}

// FreeIndex is the smallest index that no other cluster has.
func FreeIndex(used []int) (int, error) {
	sort.Ints(used)
	next := 1
	for _, u := range used {
		if u == next {
			next++
		}
	}
	if next > MaxIndex {
		return 0, fmt.Errorf("%d clusters exist on this machine already", len(used))
	}
	return next, nil
}

// ControlPlane is the one node that runs the control plane.
func (c Cluster) ControlPlane() Node {
	for _, n := range c.Nodes {
		if n.Role == config.ControlPlane {
			return n
		}
	}
	return Node{}
}

// Node finds a node by its name, with or without the cluster's name before it.
func (c Cluster) Node(name string) (Node, error) {
	var names []string
	for _, n := range c.Nodes {
		if n.Name == name || n.Name == c.Name+"-"+name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Node{}, fmt.Errorf("cluster %s has no node %q; it has %v", c.Name, name, names)
}

// HostPort is where a port of the control plane answers on the machine.
func (c Cluster) HostPort(inside int) (netip.AddrPort, bool) {
	for _, p := range c.ControlPlane().Ports {
		if p.Inside == inside {
			return p.Listen, true
		}
	}
	return netip.AddrPort{}, false
}

func nodeName(cluster, role string, number int) string {
	if number == 1 {
		return cluster + "-" + role
	}
	return fmt.Sprintf("%s-%s%d", cluster, role, number)
}

func add(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b)
}
