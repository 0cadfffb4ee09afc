// Package cli is the command line of the cluster tool. It parses, calls and
// prints; it decides nothing.
package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"scaledapp.dev/kins/internal/expander"
	"scaledapp.dev/kins/internal/nodeinit"
	"scaledapp.dev/kins/internal/proxy"
	"scaledapp.dev/kins/internal/spawn"
)

const (
	defaultName  = "scaledapp"
	nameVariable = "KINS_NAME"
)

// ClusterName is the cluster that commands mean unless --name says otherwise.
func ClusterName() string {
	if name := os.Getenv(nameVariable); name != "" {
		return name
	}
	return defaultName
}

// Run parses the arguments, without the program's name, and returns the exit
// code: 1 for a failure, 2 for wrong usage.
func Run(args []string) int {
	if run, internal := stages[first(args)]; internal {
		if err := run(args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "kins %s: %v\n", args[0], err)
			return 1
		}
		return 0
	}
	command := root()
	command.SetArgs(args)
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "kins:", err)
		if _, usage := err.(usageError); usage {
			return 2
		}
		return 1
	}
	return 0
}

// stages are processes of a cluster, not commands for people.
var stages = map[string]func([]string) error{
	"proxy":          proxy.Run,
	"expand-volumes": expander.Run,
	"node-init": func(args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("one argument is needed: the node's file")}
		}
		return nodeinit.Run(args[0])
	},
	"spawn": func(args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("one argument is needed: the order")}
		}
		return spawn.Stage(args[0], os.Stdout)
	},
}

type usageError struct{ error }

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func root() *cobra.Command {
	name := ClusterName()
	command := &cobra.Command{
		Use:   "kins",
		Short: "Kubernetes in namespaces: a real cluster on one machine, without a container engine",
		Long: `Kubernetes in namespaces: a real cluster of several nodes on one machine, without a container engine.

"kins kubectl ..." is kubectl for the cluster (unless KUBECONFIG says otherwise), and
"kins kube-apiserver", "kins kubelet" and so on are the components themselves.`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	command.PersistentFlags().StringVar(&name, "name", name, "name of the cluster (also KINS_NAME)")
	command.AddCommand(
		up(&name), down(&name), status(&name), kubeconfig(&name), auditLog(&name), load(&name), image(), addonsCommand(),
		nodeCommands(&name), netCommands(&name), svcCommands(&name), execCommand(&name), auditCommand(),
	)
	return command
}
