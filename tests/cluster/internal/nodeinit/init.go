// Package nodeinit is process 1 of a node. It makes the node's view of the
// file system, then supervises the node's services and collects orphans.
//
// Everything of the node lives in its namespaces and dies with this process;
// it must never change anything outside of them.
package nodeinit

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/node"
)

// Run does not return while the node lives.
func Run(specFile string) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("node-init runs as process 1 of a node, not as %d", os.Getpid())
	}
	spec, err := node.Read(specFile)
	if err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Name)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := mountAll(spec); err != nil {
		return err
	}
	if err := os.Chdir(node.NodeMount); err != nil {
		return err
	}
	if spec.OpensVolumes {
		if err := openVolumes(node.VolumesMount); err != nil {
			return err
		}
	}
	supervisor, err := newSupervisor(node.NodeMount)
	if err != nil {
		return err
	}
	for _, service := range spec.Services {
		go func() {
			waitFor(service.After, spec)
			supervisor.run(service)
		}()
	}
	log.Printf("%s: %d services", spec.Name, len(spec.Services))
	debug.FreeOSMemory() // what the packages of all components allocated at start
	supervisor.collect()
	return nil
}
