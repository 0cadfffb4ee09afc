package cluster

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"scaledapp.dev/kins/internal/config"
	"scaledapp.dev/kins/internal/network"
	"scaledapp.dev/kins/internal/pki"
	"scaledapp.dev/kins/internal/plan"
	"scaledapp.dev/kins/internal/process"
	"scaledapp.dev/kins/internal/state"
)

// Wish is what a user asks `up` for.
type Wish struct {
	Config     config.Config
	Name       string
	PortOffset int
	FaultTuned bool
}

// Up brings the cluster up. On one that exists it verifies every part, mends
// what is missing, and so is harmless to repeat.
func Up(wish Wish) (*Cluster, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a cluster of namespaces needs root")
	}
	began := time.Now()
	release, err := state.Lock(wish.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	c, err := prepare(wish)
	if err != nil {
		return nil, err
	}
	c.began = began
	if err := raiseInotifyLimit(); err != nil {
		return nil, err
	}
	if err := c.makeNetwork(); err != nil {
		return nil, err
	}
	if err := pki.Make(c.Plan, c.PKIDir(), c.Kubeconfig()); err != nil {
		return nil, err
	}
	c.say("network and certificates")
	for _, n := range c.Plan.Nodes {
		if err := c.StartNode(n); err != nil {
			return nil, err
		}
		if err := c.reviveServices(n); err != nil {
			return nil, err
		}
	}
	if err := c.startProxy(); err != nil {
		return nil, err
	}
	c.say("%d nodes started", len(c.Plan.Nodes))
	return c, c.settle()
}

// prepare loads the cluster's state, or writes the first one.
func prepare(wish Wish) (*Cluster, error) {
	request, err := fingerprint(wish)
	if err != nil {
		return nil, err
	}
	c, err := Open(wish.Name)
	if err == nil {
		if c.Request != request {
			return nil, fmt.Errorf("cluster %s runs with another configuration, port offset or tune: take it down first", wish.Name)
		}
		return c, c.keepTools()
	}
	if !errors.Is(err, state.ErrAbsent) {
		return nil, err
	}
	// One at a time from the choice of a free index to the state that records it.
	release, err := state.Lock("")
	if err != nil {
		return nil, err
	}
	defer release()
	all, err := state.All()
	if err != nil {
		return nil, err
	}
	var used []int
	for _, other := range all {
		used = append(used, other.Plan.Index)
	}
	index, err := plan.FreeIndex(used)
	if err != nil {
		return nil, err
	}
	apiPort := wish.Config.Networking.APIServerPort + wish.PortOffset
	if wish.Config.Networking.APIServerPort == 0 {
		if apiPort, err = freePort(); err != nil {
			return nil, err
		}
	}
	layout, err := plan.New(wish.Config, wish.Name, index, apiPort, wish.PortOffset, wish.FaultTuned)
	if err != nil {
		return nil, err
	}
	for _, m := range mappings(layout) {
		if err := portIsFree(m.listen); err != nil {
			return nil, err
		}
	}
	return create(layout, request)
}

// keepTools stays with the binaries that the cluster runs, unless somebody
// emptied the cache.
func (c *Cluster) keepTools() error {
	if _, err := os.Stat(c.Kins()); err == nil {
		return nil
	}
	kins, err := os.Executable()
	if err != nil {
		return err
	}
	c.Tools = filepath.Dir(kins)
	return c.Save()
}

func create(layout plan.Cluster, request string) (*Cluster, error) {
	kins, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := state.Dir(layout.Name)
	if err != nil {
		return nil, err
	}
	c := wrap(&state.State{
		Plan: layout, Request: request, Tools: filepath.Dir(kins), Dir: dir, Processes: map[string]process.Process{},
	})
	return c, c.Save()
}

func fingerprint(wish Wish) (string, error) {
	text, err := json.Marshal(wish)
	return fmt.Sprintf("%x", sha256.Sum256(text))[:16], err
}

// makeNetwork makes the network, or all of it again where a part is missing
// (after the machine was restarted, say). Nodes cannot live through that.
func (c *Cluster) makeNetwork() error {
	if network.Complete(c.Plan) {
		return nil
	}
	for key := range c.Processes {
		if err := c.end(key); err != nil {
			return err
		}
	}
	if err := network.Down(c.Plan); err != nil {
		return err
	}
	return network.Up(c.Plan)
}

type mapping struct{ listen, target string }

// mappings are the ports of the cluster that the machine's loopback offers.
func mappings(c plan.Cluster) []mapping {
	all := []mapping{{
		listen: fmt.Sprintf("127.0.0.1:%d", c.APIHostPort), target: fmt.Sprintf("%s:%d", c.ControlPlane().IP, plan.APIPort),
	}}
	for _, n := range c.Nodes {
		for _, p := range n.Ports {
			all = append(all, mapping{listen: p.Listen.String(), target: fmt.Sprintf("%s:%d", n.IP, p.Inside)})
		}
	}
	return all
}

func portIsFree(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s is taken by another program or cluster; --port-offset moves all ports of this one: %w", address, err)
	}
	return listener.Close()
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// each runs work for every node at once and joins the errors.
func (c *Cluster) each(work func(plan.Node) error) error {
	failures := make([]error, len(c.Plan.Nodes))
	var all sync.WaitGroup
	for i, n := range c.Plan.Nodes {
		all.Go(func() { failures[i] = work(n) })
	}
	all.Wait()
	return errors.Join(failures...)
}
