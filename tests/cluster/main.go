// Command kins is Kubernetes in namespaces: the components of Kubernetes, the
// tool that makes clusters of them, the init of their nodes and the proxy of
// their ports, in one binary that its first argument chooses from.
package main

import (
	"os"

	"scaledapp.dev/kins/internal/cli"
	"scaledapp.dev/kins/internal/components"
	"scaledapp.dev/kins/internal/state"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 {
		if args[0] == "kubectl" {
			useCluster()
		}
		if code, found := components.Run(args); found {
			os.Exit(code)
		}
	}
	os.Exit(cli.Run(args))
}

// useCluster points kubectl at the cluster unless the environment does.
func useCluster() {
	if os.Getenv("KUBECONFIG") != "" {
		return
	}
	if s, err := state.Load(cli.ClusterName()); err == nil {
		os.Setenv("KUBECONFIG", s.Kubeconfig())
	}
}
