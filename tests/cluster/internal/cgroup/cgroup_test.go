package cgroup

import "testing"

func TestParseMount(t *testing.T) {
	for line, want := range map[string]Hierarchy{
		"30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate":                {Mount: "/sys/fs/cgroup"},
		"31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct":                     {Mount: "/sys/fs/cgroup/cpu,cpuacct", Name: "cpu,cpuacct", Options: "cpu,cpuacct"},
		"32 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd": {Mount: "/sys/fs/cgroup/systemd", Name: "systemd", Options: "none,name=systemd"},
		"33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw":                                   {},
		"34 24 0:30 / /elsewhere rw - cgroup cgroup rw,cpu":                                             {},
		"35 24 0:31 / / rw - ext4 /dev/x rw":                                                            {},
		"nonsense":                                                                                      {},
	} {
		got, ok := parseMount(line)
		if got != want || ok != (want != Hierarchy{}) {
			t.Errorf("%s: %+v %t", line, got, ok)
		}
	}
}
