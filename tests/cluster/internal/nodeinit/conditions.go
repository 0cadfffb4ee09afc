package nodeinit

import (
	"net"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/kube"
	"scaledapp.dev/kins/internal/node"
)

// waitFor blocks until the condition holds, however long that takes.
func waitFor(condition node.Condition, spec node.Spec) {
	switch condition {
	case node.ContainerdReady:
		until(func() bool { return answers("unix", node.ContainerdSocket) })
		until(func() bool { return answers("tcp", spec.APIServer) })
	case node.APIReady:
		until(func() bool { return answers("tcp", spec.APIServer) })
		until(func() bool {
			client, err := kube.New(spec.KubeconfigFor)
			return err == nil && client.Ready()
		})
	}
}

func until(holds func() bool) {
	for !holds() {
		time.Sleep(pollInterval)
	}
}

func answers(network, address string) bool {
	connection, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// openVolumes makes every new volume usable by pods that do not run as root:
// Kubernetes' host path provisioner makes them for root alone, and fsGroup does
// nothing on a host path.
func openVolumes(dir string) error {
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE|unix.IN_ONLYDIR); err != nil {
		return err
	}
	existing, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range existing {
		_ = os.Chmod(filepath.Join(dir, entry.Name()), 0o777)
	}
	go func() {
		buffer := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
		for {
			n, err := unix.Read(watch, buffer)
			if err != nil {
				continue
			}
			for _, name := range eventNames(buffer[:n]) {
				_ = os.Chmod(filepath.Join(dir, name), 0o777) // it may be gone again
			}
		}
	}()
	return nil
}

func eventNames(buffer []byte) []string {
	var names []string
	for len(buffer) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&buffer[0]))
		end := unix.SizeofInotifyEvent + int(event.Len)
		names = append(names, unix.ByteSliceToString(buffer[unix.SizeofInotifyEvent:end]))
		buffer = buffer[end:]
	}
	return names
}
