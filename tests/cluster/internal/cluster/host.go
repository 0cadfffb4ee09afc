package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A node's containerd and kubelet watch hundreds of files; the usual limit of
// 128 watchers for all of the machine is not enough for several nodes. It is
// the one setting of the machine that kins changes.
const (
	inotifyLimit     = "/proc/sys/fs/inotify/max_user_instances"
	inotifyInstances = 1024
)

func raiseInotifyLimit() error {
	data, err := os.ReadFile(inotifyLimit)
	if err != nil {
		return err
	}
	if have, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && have >= inotifyInstances {
		return nil
	}
	return os.WriteFile(inotifyLimit, []byte(strconv.Itoa(inotifyInstances)), 0o644)
}

// removeDir removes a cluster's directory, but never through a mount: what is
// bound there might not be ours.
func removeDir(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if bytes.Contains(mounts, []byte(" "+dir+"/")) || bytes.Contains(mounts, []byte(" "+dir+" ")) {
		return fmt.Errorf("something is mounted below %s; it is left as it is", dir)
	}
	return os.RemoveAll(dir)
}
