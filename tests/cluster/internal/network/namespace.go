// Package network makes the network of a cluster: a namespace for each node, a
// bridge in a namespace of its own between them, and nothing in the machine's
// namespace. It never touches a namespace, link or route that does not carry
// the cluster's name.
package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Prefix marks every network namespace that is ours.
const Prefix = "kins."

const namespaceDir = "/run/netns"

// Bridge is the namespace between the nodes of a cluster.
func Bridge(cluster string) string { return Prefix + cluster + ".net" }

// Node is the namespace of a node.
func Node(node string) string { return Prefix + node }

// Path is the file that stands for a namespace.
func Path(namespace string) string { return filepath.Join(namespaceDir, namespace) }

// Ours lists the namespaces on this machine that carry our mark.
func Ours() []string {
	entries, err := os.ReadDir(namespaceDir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), Prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// Exists is true when the name stands for a living namespace; after a reboot
// or a crash an empty file may be left of it.
func Exists(namespace string) bool {
	var fs unix.Statfs_t
	const nsfs = 0x6e736673
	return unix.Statfs(Path(namespace), &fs) == nil && fs.Type == nsfs
}

// create makes a named namespace.
func create(namespace string) error {
	return onOwnThread(func() error {
		handle, err := netns.NewNamed(namespace)
		if err != nil {
			return fmt.Errorf("network namespace %s: %w", namespace, err)
		}
		return handle.Close()
	})
}

// remove ends a named namespace; one that does not exist is no error.
func remove(namespace string) error {
	path := Path(namespace)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("network namespace %s: %w", namespace, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Enter moves the calling goroutine's thread into the namespace. The caller
// must have locked the goroutine to the thread and must not unlock it.
func Enter(path string) error {
	handle, err := netns.GetFromPath(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer handle.Close()
	return netns.Set(handle)
}

// inside runs work in a namespace.
func inside(namespace string, work func() error) error {
	return onOwnThread(func() error {
		if err := Enter(Path(namespace)); err != nil {
			return err
		}
		return work()
	})
}

// onOwnThread runs work on a thread that ends with it: it never comes back
// into the runtime's pool with a foreign namespace.
func onOwnThread(work func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- work()
	}()
	return <-done
}

func sysctl(values map[string]string) error {
	for key, value := range values {
		file := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}
