package images

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// contentLabel marks an image in a node's containerd with the content that it
// was loaded from, so that the same content is not loaded twice.
const contentLabel = "kins.scaledapp.dev/content"

// Source is something to load: the content's identity, its names, and how to
// get an archive of it when one is needed.
type Source struct {
	Content    string
	References []string
	Archive    func(temporary string) (file string, err error)
}

// Find resolves what a user named: a docker-archive file, or an image of the
// machine's image store (buildah's).
func Find(name string) (Source, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		return fromFile(name)
	}
	return fromStore(name)
}

func fromFile(file string) (Source, error) {
	references, err := References(file)
	if err != nil {
		return Source{}, err
	}
	input, err := os.Open(file)
	if err != nil {
		return Source{}, err
	}
	defer input.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, input); err != nil {
		return Source{}, err
	}
	return Source{
		Content: hex.EncodeToString(hash.Sum(nil)), References: references,
		Archive: func(string) (string, error) { return file, nil },
	}, nil
}

func fromStore(name string) (Source, error) {
	output, err := buildah("inspect", "--type", "image", "--format", "{{.FromImageID}}", name)
	if err != nil {
		return Source{}, fmt.Errorf("%s is neither a file nor an image of the image store: %w", name, err)
	}
	reference := name
	if !strings.Contains(filepath.Base(reference), ":") {
		reference += ":latest"
	}
	return Source{
		Content: strings.TrimSpace(output), References: []string{reference},
		Archive: func(temporary string) (string, error) {
			_, err := buildah("push", "--quiet", name, "docker-archive:"+temporary+":"+reference)
			return temporary, err
		},
	}, nil
}

// buildah's storage driver is overlay unless the environment says otherwise.
func buildah(args ...string) (string, error) {
	command := exec.Command("buildah", args...)
	command.Env = os.Environ()
	if os.Getenv("STORAGE_DRIVER") == "" {
		command.Env = append(command.Env, "STORAGE_DRIVER=overlay")
	}
	return run(command)
}

// Node is a node's containerd.
type Node struct {
	Name   string
	Socket string
}

// Has is true when the node holds this content under all its names.
func (n Node) Has(s Source) (bool, error) {
	for _, reference := range s.References {
		output, err := n.ctr("images", "list", fmt.Sprintf("name==%s,labels.%q==%s", canonical(reference), contentLabel, s.Content), "--quiet")
		if err != nil {
			return false, err
		}
		if strings.TrimSpace(output) == "" {
			return false, nil
		}
	}
	return true, nil
}

// Import loads an archive and marks its images.
func (n Node) Import(s Source, archive string) error {
	if _, err := n.ctr("images", "import", archive); err != nil {
		return err
	}
	for _, reference := range s.References {
		if _, err := n.ctr("images", "label", canonical(reference), contentLabel+"="+s.Content); err != nil {
			return err
		}
	}
	return nil
}

func (n Node) ctr(args ...string) (string, error) {
	output, err := run(exec.Command("ctr", append([]string{"--address", n.Socket, "--namespace", "k8s.io"}, args...)...))
	if err != nil {
		return "", fmt.Errorf("%s: %w", n.Name, err)
	}
	return output, nil
}

// canonical is the full name under which containerd keeps an image.
func canonical(reference string) string {
	first, rest, found := strings.Cut(reference, "/")
	if !found {
		return "docker.io/library/" + reference
	}
	if strings.ContainsAny(first, ".:") || first == "localhost" {
		return reference
	}
	return "docker.io/" + first + "/" + rest
}

func run(command *exec.Cmd) (string, error) {
	output, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %s", filepath.Base(command.Path), strings.Join(command.Args[1:], " "), strings.TrimSpace(string(exit.Stderr)))
	}
	return string(output), err
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
