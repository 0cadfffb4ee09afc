// Package cluster brings a cluster up, keeps it as it was asked for, changes
// it for tests of faults, and takes it down. It touches only what the state of
// this cluster records.
package cluster

import (
	"fmt"
	"os"
	"sync"
	"time"

	"scaledapp.dev/kins/internal/cgroup"
	"scaledapp.dev/kins/internal/network"
	"scaledapp.dev/kins/internal/node"
	"scaledapp.dev/kins/internal/plan"
	"scaledapp.dev/kins/internal/spawn"
	"scaledapp.dev/kins/internal/state"
)

const killTimeout = 15 * time.Second

// Cluster is a cluster on this machine.
type Cluster struct {
	*state.State
	began   time.Time
	started map[string]time.Time // by node: when this command started its kubelet
}

// Open finds an existing cluster.
func Open(name string) (*Cluster, error) {
	s, err := state.Load(name)
	if err != nil {
		return nil, err
	}
	return wrap(s), nil
}

func wrap(s *state.State) *Cluster {
	return &Cluster{State: s, began: time.Now(), started: map[string]time.Time{}}
}

func (c *Cluster) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// NodeAlive is true while the node's init runs.
func (c *Cluster) NodeAlive(n plan.Node) bool { return c.Processes[n.Name].Alive() }

// StartNode powers a node on.
func (c *Cluster) StartNode(n plan.Node) error {
	if c.NodeAlive(n) {
		return nil
	}
	if err := c.clearGroup(n.Name); err != nil {
		return err
	}
	dir := c.NodeDir(n.Name)
	if err := node.Write(c.Plan, n, c.Dir, c.Tools, dir); err != nil {
		return err
	}
	if err := os.RemoveAll(node.Stops(dir)); err != nil {
		return err
	}
	c.started[n.Name] = time.Now()
	return c.start(n.Name, spawn.Order{
		Command: []string{c.Kins(), "node-init", node.File(dir)},
		Group:   c.group(n.Name), Network: network.Path(network.Node(n.Name)), Isolate: true,
		Log: dir + "/log/init.log",
	})
}

// StopNode pulls a node's plug: everything in it ends at once.
func (c *Cluster) StopNode(n plan.Node) error { return c.end(n.Name) }

// startProxy makes the API server and the mapped ports reachable.
func (c *Cluster) startProxy() error {
	if c.Processes[state.ProxyKey].Alive() {
		return nil
	}
	if err := c.clearGroup(state.ProxyKey); err != nil {
		return err
	}
	command := []string{c.Kins(), "proxy", network.Path(network.Bridge(c.Plan.Name))}
	for _, m := range mappings(c.Plan) {
		if err := portIsFree(m.listen); err != nil {
			return err
		}
		command = append(command, m.listen+"="+m.target)
	}
	return c.start(state.ProxyKey, spawn.Order{Command: command, Group: c.group(state.ProxyKey), Log: c.Dir + "/proxy.log"})
}

func (c *Cluster) start(key string, order spawn.Order) error {
	started, err := spawn.Start(c.Kins(), order)
	if err != nil {
		return err
	}
	c.Processes[key] = started
	return c.Save()
}

// end kills what was started under the key, and with it all that it started.
func (c *Cluster) end(key string) error {
	if err := c.Processes[key].Kill(killTimeout); err != nil {
		return err
	}
	if err := c.clearGroup(key); err != nil {
		return err
	}
	delete(c.Processes, key)
	return c.Save()
}

func (c *Cluster) group(key string) string     { return c.Plan.Name + "/" + key }
func (c *Cluster) clearGroup(key string) error { return cgroup.Remove(c.group(key), killTimeout) }

// Down ends the cluster and removes everything of it.
func (c *Cluster) Down() error {
	keys := []string{state.ProxyKey}
	for _, n := range c.Plan.Nodes {
		keys = append(keys, n.Name)
	}
	var killing sync.WaitGroup // all at once: nothing needs an order
	for _, key := range keys {
		victim := c.Processes[key]
		killing.Go(func() { _ = victim.Kill(killTimeout) }) // end reports what is left
	}
	killing.Wait()
	for _, key := range keys {
		if err := c.end(key); err != nil {
			return err
		}
	}
	if err := cgroup.Remove(c.Plan.Name, 0); err != nil {
		return err
	}
	if err := network.Down(c.Plan); err != nil {
		return err
	}
	if err := removeDir(c.Dir); err != nil {
		return err
	}
	c.say("cluster %s is gone", c.Plan.Name)
	return nil
}
