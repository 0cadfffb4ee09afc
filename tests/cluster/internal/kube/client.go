// Package kube asks an API server simple questions with the identity of a
// kubeconfig. Beside a patch it only reads; manifests go through kubectl.
package kube

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"time"

	"sigs.k8s.io/yaml"
)

// Client asks one API server.
type Client struct {
	server string
	http   *http.Client
}

// New reads a kubeconfig of the form that package pki writes.
func New(kubeconfig string) (*Client, error) {
	data, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	var c struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Certificate []byte `json:"client-certificate-data"`
				Key         []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if len(c.Clusters) != 1 || len(c.Users) != 1 {
		return nil, errors.New("a kubeconfig with one cluster and one user is expected")
	}
	pair, err := tls.X509KeyPair(c.Users[0].User.Certificate, c.Users[0].User.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.Clusters[0].Cluster.CA)
	return &Client{server: c.Clusters[0].Cluster.Server, http: &http.Client{
		Timeout: 5 * time.Second,
		// Straight to the loopback, whatever proxy the environment names.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}}, nil
}

// At asks the server at this URL through a client that is made already.
func At(server string, client *http.Client) *Client { return &Client{server: server, http: client} }

// Ready is true when the API server says so.
func (c *Client) Ready() bool {
	_, err := c.get("/readyz")
	return err == nil
}

// NotReady lists the nodes, of those wanted, that are not Ready by a report of
// their kubelet made since the given time. An older report says nothing: a node
// that was just lost still has one, and it is true.
func (c *Client) NotReady(wanted map[string]time.Time) ([]string, error) {
	var nodes struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Status struct {
				Conditions []condition `json:"conditions"`
			} `json:"status"`
		} `json:"items"`
	}
	if err := c.Read("/api/v1/nodes", &nodes); err != nil {
		return nil, err
	}
	ready := map[string]bool{}
	for _, n := range nodes.Items {
		for _, condition := range n.Status.Conditions {
			if condition.Type == "Ready" && !condition.LastHeartbeatTime.Before(wanted[n.Metadata.Name].Truncate(time.Second)) {
				ready[n.Metadata.Name] = condition.Status == "True"
			}
		}
	}
	var missing []string
	for name := range wanted {
		if !ready[name] {
			missing = append(missing, name)
		}
	}
	sort.Strings(missing)
	return missing, nil
}

// Available is true when the deployment has its minimum of ready pods, for the
// version of it that was applied last.
func (c *Client) Available(namespace, deployment string) (bool, error) {
	var d struct {
		Metadata struct {
			Generation int64 `json:"generation"`
		} `json:"metadata"`
		Status struct {
			ObservedGeneration int64       `json:"observedGeneration"`
			Conditions         []condition `json:"conditions"`
		} `json:"status"`
	}
	if err := c.Read(fmt.Sprintf("/apis/apps/v1/namespaces/%s/deployments/%s", namespace, deployment), &d); err != nil {
		return false, err
	}
	return d.Status.ObservedGeneration >= d.Metadata.Generation && holds(d.Status.Conditions, "Available"), nil
}

type condition struct {
	Type              string    `json:"type"`
	Status            string    `json:"status"`
	LastHeartbeatTime time.Time `json:"lastHeartbeatTime"`
}

func holds(conditions []condition, kind string) bool {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Status == "True"
		}
	}
	return false
}

// Read decodes what the API server has at the path.
func (c *Client) Read(path string, into any) error {
	data, err := c.get(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Patch merges the value into the object at the path.
func (c *Client) Patch(path string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPatch, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/merge-patch+json")
	_, err = c.do(request)
	return err
}

func (c *Client) get(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, c.server+path, nil)
	if err != nil {
		return nil, err
	}
	return c.do(request)
}

func (c *Client) do(request *http.Request) ([]byte, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", request.URL.Path, response.Status)
	}
	return data, nil
}
