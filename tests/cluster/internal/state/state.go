// Package state keeps what kins must remember about a cluster: one directory
// per cluster, one state file in it, one lock beside it. The state is written
// before anything is made, so that `down` always knows what there may be.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/plan"
	"scaledapp.dev/kins/internal/process"
)

// ProxyKey names the port proxy among the processes; the others are nodes.
const ProxyKey = "proxy"

// State is the memory of one cluster.
type State struct {
	Plan      plan.Cluster
	Request   string // what `up` was asked for, to notice a different wish
	Tools     string // directory of the binaries the cluster runs
	Processes map[string]process.Process
	Dir       string `json:"-"`
}

// ErrAbsent says that there is no such cluster.
var ErrAbsent = errors.New("no such cluster")

// Root is the directory of all clusters.
func Root() (string, error) {
	cache := os.Getenv("SCALEDAPP_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(home, ".cache", "scaledapp")
	}
	return filepath.Join(cache, "clusters"), nil
}

// Dir is the directory of one cluster.
func Dir(name string) (string, error) {
	root, err := Root()
	return filepath.Join(root, name), err
}

// Load reads the state of a cluster.
func Load(name string) (*State, error) {
	dir, err := Dir(name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	if err != nil {
		return nil, err
	}
	s := &State{Dir: dir}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return s, nil
}

// Save writes the state so that a crash leaves either the old or the new one.
func (s *State) Save() error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(s.Dir, "state.json")
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// NodeDir is where a node keeps its files.
func (s *State) NodeDir(node string) string { return filepath.Join(s.Dir, "nodes", node) }

// PKIDir holds keys, certificates and the components' kubeconfigs.
func (s *State) PKIDir() string { return filepath.Join(s.Dir, "pki") }

// Kubeconfig is the administrator's, for use from the machine.
func (s *State) Kubeconfig() string { return filepath.Join(s.Dir, "kubeconfig") }

// Kins is the binary that the cluster runs.
func (s *State) Kins() string { return filepath.Join(s.Tools, "kins") }

// All loads every cluster, in the order of their names.
func All() ([]*State, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "state.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var all []*State
	for _, file := range files {
		s, err := Load(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Lock waits for the exclusive right to change the named cluster (or, with the
// empty name, the set of clusters) and returns what gives it back.
func Lock(name string) (func(), error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(root, "."+strings.ReplaceAll(name, "/", "_")+".lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}
