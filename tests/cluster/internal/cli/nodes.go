package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"scaledapp.dev/kins/internal/addons"
	"scaledapp.dev/kins/internal/cluster"
	"scaledapp.dev/kins/internal/images"
	"scaledapp.dev/kins/internal/network"
	"scaledapp.dev/kins/internal/plan"
	"scaledapp.dev/kins/internal/state"
)

// onNode makes a command of the form VERB NODE [MORE...].
func onNode(name *string, use, short string, args cobra.PositionalArgs, work func(*cluster.Cluster, plan.Node, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(_ *cobra.Command, args []string) error {
			release, err := state.Lock(*name)
			if err != nil {
				return err
			}
			defer release()
			c, err := cluster.Open(*name)
			if err != nil {
				return err
			}
			n, err := c.Plan.Node(args[0])
			if err != nil {
				return err
			}
			return work(c, n, args[1:])
		},
	}
}

func nodeCommands(name *string) *cobra.Command {
	command := &cobra.Command{Use: "node", Short: "Power a node off or on"}
	command.AddCommand(
		onNode(name, "stop NODE", "Pull the plug: everything on the node ends at once", cobra.ExactArgs(1),
			func(c *cluster.Cluster, n plan.Node, _ []string) error { return c.StopNode(n) }),
		onNode(name, "start NODE", "Power the node on; its disk is as it was", cobra.ExactArgs(1),
			func(c *cluster.Cluster, n plan.Node, _ []string) error { return c.StartNode(n) }),
	)
	return command
}

func netCommands(name *string) *cobra.Command {
	command := &cobra.Command{Use: "net", Short: "Pull or plug a node's network cable; its containers run on"}
	for verb, up := range map[string]bool{"up": true, "down": false} {
		command.AddCommand(onNode(name, verb+" NODE", "Take the node's link "+verb, cobra.ExactArgs(1),
			func(c *cluster.Cluster, n plan.Node, _ []string) error { return network.SetLink(c.Plan, n.Name, up) }))
	}
	return command
}

func svcCommands(name *string) *cobra.Command {
	command := &cobra.Command{Use: "svc", Short: "Stop or start one service of a node: kubelet, containerd, apiserver, ..."}
	command.AddCommand(
		onNode(name, "stop NODE SERVICE", "Kill a service and hold it down", cobra.ExactArgs(2),
			func(c *cluster.Cluster, n plan.Node, args []string) error { return c.StopService(n, args[0]) }),
		onNode(name, "start NODE SERVICE", "Let a service run again", cobra.ExactArgs(2),
			func(c *cluster.Cluster, n plan.Node, args []string) error { return c.StartService(n, args[0]) }),
	)
	return command
}

func execCommand(name *string) *cobra.Command {
	command := onNode(name, "exec NODE COMMAND...", "Run a command inside a node", cobra.MinimumNArgs(2),
		func(c *cluster.Cluster, n plan.Node, args []string) error { return c.Exec(n, args) })
	command.Flags().SetInterspersed(false) // the command's flags are its own
	return command
}

func load(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "load IMAGE...", Short: "Load images into every node: names in the image store, or docker-archive files", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := cluster.Open(*name)
			if err != nil {
				return err
			}
			return c.Load(args)
		},
	}
}

func image() *cobra.Command {
	var entrypoint []string
	command := &cobra.Command{
		Use: "image REFERENCE ARCHIVE PATH=FILE...", Short: "Write a docker-archive of an image FROM scratch with these files", Args: cobra.MinimumNArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			files := map[string]string{}
			for _, pair := range args[2:] {
				path, file, found := strings.Cut(pair, "=")
				if !found {
					return usageError{fmt.Errorf("%q is not PATH=FILE", pair)}
				}
				files[path] = file
			}
			return images.Write(images.Image{Reference: args[0], Entrypoint: entrypoint, Files: files}, args[1])
		},
	}
	command.Flags().StringSliceVar(&entrypoint, "entrypoint", nil, "command of the image")
	return command
}

func addonsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "addons IMAGE", Short: "Print metrics and ingress for a cluster of kind; IMAGE holds /tools", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			documents, err := addons.Portable(args[0])
			fmt.Print(documents)
			return err
		},
	}
}
