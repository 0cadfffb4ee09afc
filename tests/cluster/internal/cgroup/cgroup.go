// Package cgroup gives each node a control group of its own, in every
// hierarchy of cgroup v1 or in the one of v2. All of ours lie below one
// directory named kins, and only that is ever read for processes to end.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Top is the directory of all our groups below each hierarchy.
const Top = "kins"

// Hierarchy is one mounted tree of control groups.
type Hierarchy struct {
	Mount   string // on the machine
	Name    string // the directory below /sys/fs/cgroup; empty for v2
	Options string // of the mount; empty for v2
}

// V2 is true for the unified hierarchy.
func (h Hierarchy) V2() bool { return h.Options == "" }

// Hierarchies are those that containers use: the v2 tree if it is mounted at
// /sys/fs/cgroup, otherwise every v1 tree.
func Hierarchies() ([]Hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []Hierarchy
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if h, ok := parseMount(lines.Text()); ok {
			if h.V2() {
				return []Hierarchy{h}, nil
			}
			all = append(all, h)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no control groups are mounted below /sys/fs/cgroup")
	}
	return all, nil
}

// parseMount reads one line of mountinfo. A v2 tree elsewhere than at
// /sys/fs/cgroup itself (the "unified" directory beside v1) holds no controllers.
func parseMount(line string) (Hierarchy, bool) {
	before, after, found := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !found || len(left) < 5 || len(right) < 3 {
		return Hierarchy{}, false
	}
	mount := left[4]
	switch {
	case right[0] == "cgroup2" && mount == "/sys/fs/cgroup":
		return Hierarchy{Mount: mount}, true
	case right[0] == "cgroup" && strings.HasPrefix(mount, "/sys/fs/cgroup/"):
		var options []string
		for _, o := range strings.Split(right[2], ",") {
			switch {
			case o == "rw" || o == "ro" || o == "xattr" || o == "clone_children" || strings.HasPrefix(o, "release_agent="):
			case strings.HasPrefix(o, "name="):
				options = append(options, "none", o)
			default:
				options = append(options, o)
			}
		}
		return Hierarchy{Mount: mount, Name: filepath.Base(mount), Options: strings.Join(options, ",")}, true
	}
	return Hierarchy{}, false
}

// Join makes the group (CLUSTER/NODE) and moves the process into it.
func Join(group string, pid int) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		dir, err := h.make(group)
		if err != nil {
			return err
		}
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

func (h Hierarchy) make(group string) (string, error) {
	dir := h.Mount
	for _, part := range append([]string{Top}, strings.Split(group, "/")...) {
		if h.V2() {
			if err := EnableControllers(dir); err != nil {
				return "", err
			}
		}
		parent := dir
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		// A new cpuset of v1 is empty and takes no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, file))
			if h.V2() || err != nil {
				continue
			}
			if err := write(dir, file, strings.TrimSpace(string(value))); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// EnableControllers hands every controller of a v2 group on to its children.
func EnableControllers(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(controllers)) {
		if err := write(dir, "cgroup.subtree_control", "+"+controller); err != nil {
			return err
		}
	}
	return nil
}

// Members are the processes in the group (all of ours for the empty name) and
// the groups below it.
func Members(group string) []int {
	hierarchies, err := Hierarchies()
	if err != nil {
		return nil
	}
	seen := map[int]bool{}
	for _, h := range hierarchies {
		_ = filepath.WalkDir(filepath.Join(h.Mount, Top, group), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return nil // groups come and go while we look
			}
			data, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for _, field := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					seen[pid] = true
				}
			}
			return nil
		})
	}
	members := make([]int, 0, len(seen))
	for pid := range seen {
		members = append(members, pid)
	}
	sort.Ints(members)
	return members
}

// Remove ends what still runs in the group after the grace period and removes
// it. The groups above it go with it when they are empty.
func Remove(group string, grace time.Duration) error {
	end := time.Now().Add(grace)
	for left := Members(group); len(left) > 0; left = Members(group) {
		if time.Now().After(end) {
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if time.Now().After(end.Add(10 * time.Second)) {
			return fmt.Errorf("processes %v do not end", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if err := removeTree(filepath.Join(h.Mount, Top, group)); err != nil {
			return err
		}
		for above := filepath.Dir(filepath.Join(Top, group)); above != "."; above = filepath.Dir(above) {
			_ = os.Remove(filepath.Join(h.Mount, above)) // refused while another group is in it
		}
	}
	return nil
}

// Groups lists a group of ours in every hierarchy where it exists, as paths on
// the machine; the empty name means the one above all.
func Groups(group string) []string {
	hierarchies, err := Hierarchies()
	if err != nil {
		return nil
	}
	var all []string
	for _, h := range hierarchies {
		if dir := filepath.Join(h.Mount, Top, group); exists(dir) {
			all = append(all, dir)
		}
	}
	return all
}

// removeTree removes a group and those below it. The kernel still counts
// processes for a moment after they have ended, hence the attempts.
func removeTree(top string) error {
	var err error
	for range 100 {
		var dirs []string
		_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		err = nil
		for i := len(dirs) - 1; i >= 0; i-- {
			if failed := syscall.Rmdir(dirs[i]); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
				err = fmt.Errorf("control group %s: %w", dirs[i], failed)
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func write(dir, file, value string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
