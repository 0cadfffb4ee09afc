// Package audit finds what kins has on the machine, by what marks it as ours
// and not by what the state claims. It only looks.
package audit

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"scaledapp.dev/kins/internal/cgroup"
	"scaledapp.dev/kins/internal/network"
	"scaledapp.dev/kins/internal/state"
)

// scope is what the audit looks for: the things of one cluster, or of all.
type scope struct{ cluster string }

// namespace tells whether a network namespace is in the scope. The names of
// clusters may begin alike, so that a prefix is not enough.
func (s scope) namespace(name string) bool {
	if s.cluster == "" {
		return strings.HasPrefix(name, network.Prefix)
	}
	node := regexp.MustCompile("^" + regexp.QuoteMeta(network.Node(s.cluster)) + `-(control-plane|worker[0-9]*)$`)
	return name == network.Bridge(s.cluster) || node.MatchString(name)
}

// Find lists one line for each thing that is ours, of one cluster or, for the
// empty name, of all; none when nothing runs.
func Find(cluster string) ([]string, error) {
	within := scope{cluster}
	root, err := state.Root()
	if err != nil {
		return nil, err
	}
	var found []string
	add := func(what string, things ...string) {
		for _, thing := range things {
			found = append(found, fmt.Sprintf("%-9s %s", what, thing))
		}
	}
	clusters, err := within.directories(root)
	if err != nil {
		return nil, err
	}
	add("cluster", clusters...)
	for _, namespace := range network.Ours() {
		if within.namespace(namespace) {
			add("netns", namespace)
		}
	}
	if cluster == "" { // no link of ours belongs here, nor tells its cluster
		links, err := links()
		if err != nil {
			return nil, err
		}
		add("link", links...)
	}
	add("cgroup", cgroup.Groups(cluster)...)
	mounts, err := within.mounts(root)
	if err != nil {
		return nil, err
	}
	add("mount", mounts...)
	processes := within.processes(root)
	for _, p := range processes {
		add("process", fmt.Sprintf("%d %s", p.pid, p.command))
	}
	listeners, err := listeners(processes)
	if err != nil {
		return nil, err
	}
	add("listener", listeners...)
	return found, nil
}

func (s scope) directories(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var all []string
	for _, entry := range entries {
		if entry.IsDir() && (s.cluster == "" || s.cluster == entry.Name()) {
			all = append(all, filepath.Join(root, entry.Name()))
		}
	}
	return all, err
}

// links looks in the machine's namespace, where none of ours belongs: cables
// end in namespaces of ours.
func links() ([]string, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	var ours []string
	for _, link := range all {
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if err != nil {
			return nil, err
		}
		for _, address := range addresses {
			if ip := address.IP.To4(); ip != nil && ip[0] == 172 && ip[1] == 30 && link.Type() == "veth" {
				ours = append(ours, link.Attrs().Name+" "+address.IPNet.String())
			}
		}
	}
	return ours, nil
}

func (s scope) mounts(root string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var ours []string
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := fields[4]
		namespace, isNamespace := strings.CutPrefix(point, network.Path(""))
		if strings.HasPrefix(point, s.below(root)) || isNamespace && s.namespace(strings.TrimPrefix(namespace, "/")) {
			ours = append(ours, point)
		}
	}
	return ours, nil
}

// below is what every path in the scope begins with.
func (s scope) below(root string) string {
	if s.cluster == "" {
		return root + "/"
	}
	return filepath.Join(root, s.cluster) + "/"
}

type running struct {
	pid     int
	command string
}

// kinsRuns matches the command line of what outlives a command of kins.
var kinsRuns = regexp.MustCompile(`/kins (node-init|proxy|spawn|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|coredns)( |$)`)

// processes are the members of our control groups, and programs of ours that
// are, wrongly, in none. Dead ones that wait to be collected do not count.
func (s scope) processes(root string) []running {
	ours := map[int]bool{}
	for _, pid := range cgroup.Members(s.cluster) {
		ours[pid] = true
	}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	var all []running
	for _, entry := range entries {
		pid, err := strconv.Atoi(filepath.Base(entry))
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(entry, "cmdline"))
		if err != nil || len(data) == 0 {
			continue
		}
		command := strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
		stray := kinsRuns.MatchString(command) && (s.cluster == "" || strings.Contains(command, s.below(root)))
		if ours[pid] || stray {
			all = append(all, running{pid, shorten(command)})
		}
	}
	return all
}

func shorten(command string) string {
	const longest = 100
	if len(command) > longest {
		return command[:longest] + "…"
	}
	return command
}

// listeners are the listening TCP sockets in the machine's namespace that
// belong to processes of ours.
func listeners(processes []running) ([]string, error) {
	sockets := map[string]bool{}
	for _, p := range processes {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid))
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:[") {
				sockets[strings.Trim(target, "socket:[]")] = true
			}
		}
	}
	file, err := os.Open("/proc/self/net/tcp")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if address, inode, ok := parseListener(lines.Text()); ok && sockets[inode] {
			all = append(all, address)
		}
	}
	return all, nil
}

// parseListener reads a line of /proc/net/tcp: address and inode of a socket
// in state LISTEN (0A). Addresses are hexadecimal, in the machine's byte order.
func parseListener(line string) (address, inode string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != "0A" {
		return "", "", false
	}
	host, port, found := strings.Cut(fields[1], ":")
	ip, err1 := strconv.ParseUint(host, 16, 32)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !found || err1 != nil || err2 != nil {
		return "", "", false
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", byte(ip), byte(ip>>8), byte(ip>>16), byte(ip>>24), number), fields[9], true
}
