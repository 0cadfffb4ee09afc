package nodeinit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/cgroup"
	"scaledapp.dev/kins/internal/node"
)

// mountAll gives the node its own /proc, /sys, /run, /var and /tmp; the rest
// of the machine's file system it shares.
func mountAll(spec node.Spec) error {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return err
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	steps := []func(node.Spec) error{mountRun, mountOwn, guardKernel}
	for _, step := range steps {
		if err := step(spec); err != nil {
			return err
		}
	}
	if err := mountGroups(hierarchies); err != nil {
		return err
	}
	// Volumes that the kubelet mounts must appear in the containers' namespaces.
	return mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// mountRun replaces /run, which holds the directories that kins shows the node.
// They are bound elsewhere first, because they may lie below what is covered.
func mountRun(spec node.Spec) error {
	const stage = "/mnt"
	if err := mount("tmpfs", stage, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	binds := map[string]string{"c": spec.ClusterDir, "t": spec.ToolsDir, "n": spec.NodeDir}
	for name, source := range binds {
		if err := bindDir(source, filepath.Join(stage, name)); err != nil {
			return err
		}
	}
	if err := mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for _, dir := range []string{"netns", "containerd", "lock"} {
		if err := os.MkdirAll(filepath.Join("/run", dir), 0o755); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"c": node.ClusterMount, "t": node.ToolsMount, "n": node.NodeMount} {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := mount(filepath.Join(stage, name), target, "", unix.MS_MOVE, ""); err != nil {
			return err
		}
	}
	return unix.Unmount(stage, 0)
}

// mountOwn binds the node's own data and configuration over the machine's.
func mountOwn(node.Spec) error {
	own := node.NodeMount
	for _, dir := range []string{"var/lib/kubelet", "var/lib/containerd", "var/lib/cni", "var/lib/etcd", "var/log/kubernetes", "var/cache", "var/tmp", "tmp"} {
		if err := os.MkdirAll(filepath.Join(own, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(own, dir), 0o777|os.ModeSticky); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", filepath.Join(own, "var/run")); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for source, target := range map[string]string{"var": "/var", "tmp": "/tmp"} {
		if err := bindDir(filepath.Join(own, source), target); err != nil {
			return err
		}
	}
	volumes := filepath.Join(node.ClusterMount, "volumes")
	if err := os.MkdirAll(volumes, 0o755); err != nil {
		return err
	}
	if err := bindDir(volumes, node.VolumesMount); err != nil {
		return err
	}
	for _, file := range []string{"hosts", "resolv.conf", "machine-id"} {
		if err := bindFile(filepath.Join(own, "etc", file), filepath.Join("/etc", file)); err != nil {
			return err
		}
	}
	return nil
}

// guardKernel shows the kubelet the kernel settings that it would otherwise
// write, for they are the whole machine's and not the node's.
func guardKernel(node.Spec) error {
	dir := "/run/kins/kernel"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	wanted := map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	}
	for name, value := range wanted {
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := mount(file, target, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// mountGroups shows the node its own control groups as the roots of all.
func mountGroups(hierarchies []cgroup.Hierarchy) error {
	const root = "/sys/fs/cgroup"
	if err := mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return err
	}
	if hierarchies[0].V2() {
		if err := mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
			return err
		}
		return leaveRootGroup(root)
	}
	if err := mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, h := range hierarchies {
		dir := filepath.Join(root, h.Name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := mount("cgroup", dir, "cgroup", 0, h.Options); err != nil {
			return err
		}
		// "cpu,cpuacct" is one tree that programs look for under either name.
		for _, controller := range strings.Split(h.Name, ",") {
			if controller != h.Name {
				if err := os.Symlink(h.Name, filepath.Join(root, controller)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leaveRootGroup moves this process, and so all of the node's services, into a
// group of their own: a v2 group with controllers for its children may hold no
// process itself. The starter of this process leaves the root a moment later.
func leaveRootGroup(root string) error {
	services := filepath.Join(root, "services")
	if err := os.MkdirAll(services, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(services, "cgroup.procs"), []byte("1"), 0o644); err != nil {
		return err
	}
	var err error
	for range 100 {
		if err = cgroup.EnableControllers(root); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func bindDir(source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

// bindFile needs the target to exist; on a machine without it the node goes
// without it too, rather than create a file on the machine.
func bindFile(source, target string) error {
	if real, err := filepath.EvalSymlinks(target); err == nil {
		return mount(source, real, "", unix.MS_BIND, "")
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
