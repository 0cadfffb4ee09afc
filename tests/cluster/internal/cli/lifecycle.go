package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"scaledapp.dev/kins/internal/audit"
	"scaledapp.dev/kins/internal/cgroup"
	"scaledapp.dev/kins/internal/cluster"
	"scaledapp.dev/kins/internal/config"
	"scaledapp.dev/kins/internal/node"
	"scaledapp.dev/kins/internal/state"
)

func up(name *string) *cobra.Command {
	var file, tune string
	var offset int
	command := &cobra.Command{
		Use: "up", Short: "Bring the cluster up; on one that is up, verify and mend it", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if tune != "default" && tune != "fault" {
				return usageError{fmt.Errorf("--tune is default or fault, not %q", tune)}
			}
			configuration, err := config.Read(file)
			if err != nil {
				return err
			}
			if command.Flags().Changed("name") {
				configuration.Name = *name
			}
			if err := config.CheckName(configuration.Name); err != nil {
				return err
			}
			c, err := cluster.Up(cluster.Wish{Config: configuration, Name: configuration.Name, PortOffset: offset, FaultTuned: tune == "fault"})
			if err != nil {
				return err
			}
			fmt.Printf("export KUBECONFIG=%s\n", c.Kubeconfig())
			return nil
		},
	}
	command.Flags().StringVar(&file, "config", "kind-config.yaml", "cluster configuration in kind's format")
	command.Flags().StringVar(&tune, "tune", "default", "default, or fault: lost nodes are noticed in 10 seconds instead of 50")
	command.Flags().IntVar(&offset, "port-offset", 0, "added to every host port of the configuration, for a second cluster beside the first")
	return command
}

func down(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End the cluster and remove everything of it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			release, err := state.Lock(*name)
			if err != nil {
				return err
			}
			defer release()
			c, err := cluster.Open(*name)
			if errors.Is(err, state.ErrAbsent) {
				fmt.Printf("no cluster %s\n", *name)
				return nil
			}
			if err != nil {
				return err
			}
			return c.Down()
		},
	}
}

func status(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show a cluster, or all when none is named; fails when a part is down", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			var all []*state.State
			var err error
			if os.Getenv(nameVariable) != "" || command.Flags().Changed("name") {
				all = make([]*state.State, 1)
				all[0], err = state.Load(*name)
			} else {
				all, err = state.All()
			}
			if err != nil {
				return err
			}
			broken := false
			for _, s := range all {
				broken = printStatus(s) || broken
			}
			if broken {
				return errors.New("not everything is up")
			}
			return nil
		},
	}
}

func printStatus(s *state.State) (broken bool) {
	upDown := func(key string) string {
		if s.Processes[key].Alive() {
			return "up"
		}
		broken = true
		return "DOWN"
	}
	fmt.Printf("%s: https://127.0.0.1:%d, ports %s\n", s.Plan.Name, s.Plan.APIHostPort, upDown(state.ProxyKey))
	for _, n := range s.Plan.Nodes {
		fmt.Printf("  %-28s %-5s %-14s pods %-18s %d processes\n", n.Name, upDown(n.Name), n.IP, n.Pods, len(cgroup.Members(s.Plan.Name+"/"+n.Name)))
		for _, p := range n.Ports {
			fmt.Printf("    %s -> %d\n", p.Listen, p.Inside)
		}
	}
	return broken
}

func kubeconfig(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "kubeconfig", Short: "Print the path of the administrator's kubeconfig", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := state.Load(*name)
			if err != nil {
				return err
			}
			fmt.Println(s.Kubeconfig())
			return nil
		},
	}
}

func auditLog(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "audit-log", Short: "Print the path of the API server's audit log: one JSON object a line", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := state.Load(*name)
			if err != nil {
				return err
			}
			fmt.Println(filepath.Join(s.NodeDir(s.Plan.ControlPlane().Name), node.AuditLog))
			return nil
		},
	}
}

func auditCommand() *cobra.Command {
	return &cobra.Command{
		Use: "audit [CLUSTER]", Short: "List what of ours, or of one cluster, exists on this machine: nothing when it is down", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := audit.Find(first(args))
			for _, line := range found {
				fmt.Println(line)
			}
			return err
		},
	}
}
