// Package expander makes volumes grow. Kubernetes' own controller leaves the
// growth of host paths to an external one, and this is it: it writes the size
// that a bound claim asks for into the volume and then into the claim.
//
// It moves no data and enforces no size, for the volumes are directories; it
// must never make a volume smaller, nor touch another class's.
package expander

import (
	"errors"
	"fmt"
	"log"
	"runtime/debug"
	"time"

	"scaledapp.dev/kins/internal/kube"
)

const pollInterval = time.Second

// Run serves with the identity of a kubeconfig, and does not return while it
// can. An API server that does not answer is asked again.
func Run(args []string) error {
	if len(args) != 1 {
		return errors.New("one argument is needed: the kubeconfig")
	}
	client, err := kube.New(args[0])
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what the packages of all components allocated at start
	said := ""
	for {
		// A trouble that lasts is said once, not every second.
		trouble := ""
		if err := round(client); err != nil {
			trouble = err.Error()
		}
		if trouble != said && trouble != "" {
			log.Print(trouble)
		}
		said = trouble
		time.Sleep(pollInterval)
	}
}

// round serves every claim that wants more; one that cannot be served does not
// keep the others waiting.
func round(client *kube.Client) error {
	var claims struct {
		Items []claim `json:"items"`
	}
	// From the API server's memory: an old answer costs a refused patch at most.
	if err := client.Read("/api/v1/persistentvolumeclaims?resourceVersion=0", &claims); err != nil {
		return err
	}
	var failed []error
	for _, c := range claims.Items {
		if !wants(c) {
			continue
		}
		if err := grow(client, c); err != nil {
			failed = append(failed, fmt.Errorf("%s/%s: %w", c.Metadata.Namespace, c.Metadata.Name, err))
		}
	}
	return errors.Join(failed...)
}

func grow(client *kube.Client, c claim) error {
	volumePath := "/api/v1/persistentvolumes/" + c.Spec.Volume
	var v volume
	if err := client.Read(volumePath, &v); err != nil {
		return err
	}
	g, err := decide(c, v)
	if err != nil {
		return err
	}
	if g.volume != nil {
		if err := client.Patch(volumePath, g.volume); err != nil {
			return err
		}
	}
	claimPath := fmt.Sprintf("/api/v1/namespaces/%s/persistentvolumeclaims/%s/status", c.Metadata.Namespace, c.Metadata.Name)
	if err := client.Patch(claimPath, g.claim); err != nil {
		return err
	}
	log.Printf("%s/%s has grown to %s", c.Metadata.Namespace, c.Metadata.Name, g.size.String())
	return nil
}
