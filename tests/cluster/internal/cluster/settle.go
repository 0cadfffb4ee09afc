package cluster

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"scaledapp.dev/kins/internal/addons"
	"scaledapp.dev/kins/internal/images"
	"scaledapp.dev/kins/internal/kube"
	"scaledapp.dev/kins/internal/node"
	"scaledapp.dev/kins/internal/plan"
)

const (
	patience     = 3 * time.Minute
	pollInterval = 200 * time.Millisecond
)

// settle waits until the cluster can be used, and applies what belongs to
// every cluster on the way.
func (c *Cluster) settle() error {
	paused := make(chan error, 1)
	go func() { paused <- c.loadPause() }()
	client, err := kube.New(c.Kubeconfig())
	if err != nil {
		return err
	}
	if err := c.until("the API server is ready", func() error {
		if !client.Ready() {
			return fmt.Errorf("no answer; see %s", filepath.Join(c.NodeDir(c.Plan.ControlPlane().Name), "log", node.APIServer+".log"))
		}
		return nil
	}); err != nil {
		return err
	}
	nodes, err := addons.Nodes(c.Plan)
	if err != nil {
		return err
	}
	if err := c.apply(nodes); err != nil {
		return err
	}
	// Before any pod: a node without the pause image would ask a registry for
	// it, and the back-off after that costs ten seconds.
	if err := <-paused; err != nil {
		return err
	}
	manifests, err := addons.Manifests(c.Plan)
	if err != nil {
		return err
	}
	if err := c.apply(manifests); err != nil {
		return err
	}
	return c.waitUsable(client)
}

func (c *Cluster) waitUsable(client *kube.Client) error {
	wanted := map[string]time.Time{}
	for _, n := range c.Plan.Nodes {
		wanted[n.Name] = c.started[n.Name]
	}
	if err := c.until("all nodes are Ready", func() error {
		missing, err := client.NotReady(wanted)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("not Ready: %s", strings.Join(missing, ", "))
		}
		return err
	}); err != nil {
		return err
	}
	for _, deployment := range []addons.Deployment{addons.DNS, addons.Ingress} {
		if err := c.until(deployment.Title+" is available", func() error {
			available, err := client.Available(deployment.Namespace, deployment.Name)
			if err == nil && !available {
				err = fmt.Errorf("deployment %s/%s is not available", deployment.Namespace, deployment.Name)
			}
			return err
		}); err != nil {
			return err
		}
	}
	address, mapped := c.Plan.HostPort(80)
	if !mapped {
		return nil
	}
	http := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return c.until("the ingress answers on http://"+address.String(), func() error {
		response, err := http.Get("http://" + address.String() + "/")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
}

// until polls and says when it holds; the last failure explains a time-out.
func (c *Cluster) until(what string, check func() error) error {
	end := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			c.say("%s", what)
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %s until %s: %w", patience, what, err)
		}
		time.Sleep(pollInterval)
	}
}

func (c *Cluster) apply(documents string) error {
	command := exec.Command(c.Kins(), "kubectl", "--kubeconfig", c.Kubeconfig(), "apply", "--server-side", "--force-conflicts", "-f", "-")
	command.Stdin = strings.NewReader(documents)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("kubectl apply: %w\n%s", err, output.String())
	}
	return nil
}

func (c *Cluster) loadPause() error {
	archive := filepath.Join(c.Dir, "pause.tar")
	err := images.Write(images.Image{
		Reference: node.PauseImage, User: "65535:65535", Entrypoint: []string{"/pause"},
		Files: map[string]string{"pause": filepath.Join(c.Tools, "pause")},
	}, archive)
	if err != nil {
		return err
	}
	source, err := images.Find(archive)
	if err != nil {
		return err
	}
	return c.each(func(n plan.Node) error { return c.loadWhenUp(n, source, archive) })
}
