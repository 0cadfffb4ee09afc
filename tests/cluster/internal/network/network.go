package network

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"scaledapp.dev/kins/internal/plan"
)

const (
	bridgeName = "br0"
	nodeLink   = "eth0"
)

// Complete is true when every namespace of the cluster exists.
func Complete(c plan.Cluster) bool {
	for _, namespace := range namespaces(c) {
		if !Exists(namespace) {
			return false
		}
	}
	return true
}

// Up makes the network of the cluster. What is left of an earlier one must
// have been removed by Down.
func Up(c plan.Cluster) error {
	for _, namespace := range namespaces(c) {
		if err := create(namespace); err != nil {
			return err
		}
	}
	if err := bridge(c); err != nil {
		return fmt.Errorf("bridge of %s: %w", c.Name, err)
	}
	for i, n := range c.Nodes {
		if err := connect(c, i, n); err != nil {
			return fmt.Errorf("network of %s: %w", n.Name, err)
		}
	}
	return nil
}

// Down removes the network of the cluster.
func Down(c plan.Cluster) error {
	for _, namespace := range namespaces(c) {
		if err := remove(namespace); err != nil {
			return err
		}
	}
	return nil
}

// SetLink pulls a node's cable, or plugs it in again.
func SetLink(c plan.Cluster, node string, up bool) error {
	for i, n := range c.Nodes {
		if n.Name != node {
			continue
		}
		return inside(Bridge(c.Name), func() error {
			link, err := netlink.LinkByName(port(i))
			if err != nil {
				return err
			}
			if up {
				return netlink.LinkSetUp(link)
			}
			return netlink.LinkSetDown(link)
		})
	}
	return fmt.Errorf("no node %s", node)
}

func namespaces(c plan.Cluster) []string {
	all := []string{Bridge(c.Name)}
	for _, n := range c.Nodes {
		all = append(all, Node(n.Name))
	}
	return all
}

// port is the bridge's end of the cable to node i.
func port(i int) string { return fmt.Sprintf("p%d", i) }

// bridge joins the nodes. It forwards and has no default route: an address
// that does not exist is answered "unreachable" at once. Otherwise a pod which
// dials a service before kube-proxy has written its rules would wait 30 s.
func bridge(c plan.Cluster) error {
	return inside(Bridge(c.Name), func() error {
		if err := loopbackUp(); err != nil {
			return err
		}
		link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
		if err := netlink.LinkAdd(link); err != nil {
			return err
		}
		if err := address(link, netip.PrefixFrom(c.Gateway, c.NodeSubnet.Bits())); err != nil {
			return err
		}
		return sysctl(map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0"})
	})
}

// connect plugs a node into the bridge and tells both sides the routes to the
// pods.
func connect(c plan.Cluster, i int, n plan.Node) error {
	err := inside(Bridge(c.Name), func() error {
		target, err := netns.GetFromName(Node(n.Name))
		if err != nil {
			return err
		}
		defer target.Close()
		master, err := netlink.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		attributes := netlink.LinkAttrs{Name: port(i), MasterIndex: master.Attrs().Index}
		cable := &netlink.Veth{LinkAttrs: attributes, PeerName: nodeLink, PeerNamespace: netlink.NsFd(target)}
		if err := netlink.LinkAdd(cable); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(cable); err != nil {
			return err
		}
		return route(ipNet(n.Pods), n.IP)
	})
	if err != nil {
		return err
	}
	return inside(Node(n.Name), func() error {
		if err := loopbackUp(); err != nil {
			return err
		}
		link, err := netlink.LinkByName(nodeLink)
		if err != nil {
			return err
		}
		if err := address(link, netip.PrefixFrom(n.IP, c.NodeSubnet.Bits())); err != nil {
			return err
		}
		if err := route(nil, c.Gateway); err != nil {
			return err
		}
		for _, other := range c.Nodes {
			if other.Name != n.Name {
				if err := route(ipNet(other.Pods), other.IP); err != nil {
					return err
				}
			}
		}
		return sysctl(map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0"})
	})
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

func address(link netlink.Link, prefix netip.Prefix) error {
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), 32)}}); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// route with no destination is the default route.
func route(destination *net.IPNet, via netip.Addr) error {
	return netlink.RouteAdd(&netlink.Route{Dst: destination, Gw: via.AsSlice()})
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
