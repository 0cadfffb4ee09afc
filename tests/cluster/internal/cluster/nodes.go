package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"scaledapp.dev/kins/internal/images"
	"scaledapp.dev/kins/internal/node"
	"scaledapp.dev/kins/internal/plan"
)

const serviceTimeout = 30 * time.Second

// Services are the names of a node's services.
func (c *Cluster) Services(n plan.Node) ([]string, error) {
	spec, err := node.Read(node.File(c.NodeDir(n.Name)))
	var names []string
	for _, s := range spec.Services {
		names = append(names, s.Name)
	}
	return names, err
}

// StopService kills a service and holds it down.
func (c *Cluster) StopService(n plan.Node, service string) error {
	if err := c.checkService(n, service); err != nil {
		return err
	}
	dir := c.NodeDir(n.Name)
	if err := os.WriteFile(filepath.Join(node.Stops(dir), service), nil, 0o644); err != nil {
		return err
	}
	return waitService(dir, service, false)
}

// StartService lets a service run again.
func (c *Cluster) StartService(n plan.Node, service string) error {
	if err := c.checkService(n, service); err != nil {
		return err
	}
	dir := c.NodeDir(n.Name)
	if err := os.Remove(filepath.Join(node.Stops(dir), service)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return waitService(dir, service, true)
}

func (c *Cluster) checkService(n plan.Node, service string) error {
	names, err := c.Services(n)
	if err != nil {
		return err
	}
	if !slices.Contains(names, service) {
		return fmt.Errorf("%s has no service %q; it has %v", n.Name, service, names)
	}
	if !c.NodeAlive(n) {
		return fmt.Errorf("%s is stopped", n.Name)
	}
	return nil
}

// waitService waits for what the node's init publishes about the service.
func waitService(nodeDir, service string, running bool) error {
	file := filepath.Join(node.Pids(nodeDir), service)
	for end := time.Now().Add(serviceTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); (err == nil) == running {
			return nil
		}
	}
	return fmt.Errorf("service %s did not change within %s", service, serviceTimeout)
}

// reviveServices lifts every hold that `svc stop` has left.
func (c *Cluster) reviveServices(n plan.Node) error {
	entries, err := os.ReadDir(node.Stops(c.NodeDir(n.Name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		c.started[n.Name] = time.Now()
		if err := c.StartService(n, entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// Exec replaces this process by a command inside the node.
func (c *Cluster) Exec(n plan.Node, command []string) error {
	if !c.NodeAlive(n) {
		return fmt.Errorf("%s is stopped", n.Name)
	}
	args := append([]string{"nsenter", "--target", strconv.Itoa(c.Processes[n.Name].PID), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"}, command...)
	path, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// Load loads images into every running node that has not got them, and reports
// for each image how many nodes took it.
func (c *Cluster) Load(names []string) error {
	for _, name := range names {
		source, err := images.Find(name)
		if err != nil {
			return err
		}
		if err := c.load(name, source); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) load(name string, source images.Source) error {
	var lacking []plan.Node
	for _, n := range c.Plan.Nodes {
		if !c.NodeAlive(n) {
			c.say("%s: %s is stopped and will lack it", name, n.Name)
			continue
		}
		has, err := c.containerd(n).Has(source)
		if err != nil {
			return err
		}
		if !has {
			lacking = append(lacking, n)
		}
	}
	if len(lacking) == 0 {
		c.say("%s: on every node already", name)
		return nil
	}
	temporary := filepath.Join(c.Dir, fmt.Sprintf("load-%d.tar", os.Getpid()))
	defer os.Remove(temporary)
	archive, err := source.Archive(temporary)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, n := range lacking {
		wanted[n.Name] = true
	}
	if err := c.each(func(n plan.Node) error {
		if !wanted[n.Name] {
			return nil
		}
		return c.containerd(n).Import(source, archive)
	}); err != nil {
		return err
	}
	c.say("%s: loaded into %d nodes", name, len(lacking))
	return nil
}

// loadWhenUp loads into a node whose containerd may have just been started.
func (c *Cluster) loadWhenUp(n plan.Node, source images.Source, archive string) error {
	containerd := c.containerd(n)
	for end := time.Now().Add(serviceTimeout); ; time.Sleep(pollInterval) {
		has, err := containerd.Has(source)
		switch {
		case err == nil && has:
			return nil
		case err == nil:
			return containerd.Import(source, archive)
		case time.Now().After(end):
			return err
		}
	}
}

// containerd reaches the node's socket through its init's view of the file
// system: a path that is short enough for a socket, wherever the state lies.
func (c *Cluster) containerd(n plan.Node) images.Node {
	return images.Node{Name: n.Name, Socket: fmt.Sprintf("/proc/%d/root%s", c.Processes[n.Name].PID, node.ContainerdSocket)}
}
