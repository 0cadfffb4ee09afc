package pki

import (
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

type kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	CurrentContext string         `json:"current-context"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
}

type namedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		Server string `json:"server"`
		CA     []byte `json:"certificate-authority-data"`
	} `json:"cluster"`
}

type namedUser struct {
	Name string `json:"name"`
	User struct {
		Certificate []byte `json:"client-certificate-data"`
		Key         []byte `json:"client-key-data"`
	} `json:"user"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

// writeKubeconfig puts the certificates themselves into the file, so that it
// can be copied anywhere.
func writeKubeconfig(dir, user, name, server, file string) error {
	cluster, account, context := namedCluster{Name: name}, namedUser{Name: name}, namedContext{Name: name}
	cluster.Cluster.Server = server
	context.Context.Cluster, context.Context.User = name, name
	for source, target := range map[string]*[]byte{
		CA + ".crt": &cluster.Cluster.CA, user + ".crt": &account.User.Certificate, user + ".key": &account.User.Key,
	} {
		data, err := os.ReadFile(filepath.Join(dir, source))
		if err != nil {
			return err
		}
		*target = data
	}
	data, err := yaml.Marshal(kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: name,
		Clusters: []namedCluster{cluster}, Users: []namedUser{account}, Contexts: []namedContext{context},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
