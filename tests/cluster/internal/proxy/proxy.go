// Package proxy makes ports of a cluster reachable on the machine: it listens
// in the machine's network namespace and connects from the cluster's.
package proxy

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/network"
)

const (
	dialTimeout = 5 * time.Second
	firstFile   = 500 // descriptor of the first listener over the exec: none that the runtime has taken
	insideFlag  = "--inside"
)

// Run serves `NAMESPACE-FILE LISTEN=TARGET...` and does not return while it
// serves. The listeners are opened first; then the program enters the
// namespace and executes itself with the listeners inherited, so that every
// thread of the new image is in the namespace.
func Run(args []string) error {
	if len(args) > 0 && args[0] == insideFlag {
		return serve(args[1:])
	}
	if len(args) < 2 {
		return fmt.Errorf("usage: kins proxy NAMESPACE-FILE LISTEN=TARGET...")
	}
	for i, mapping := range args[1:] {
		listen, _, found := strings.Cut(mapping, "=")
		if !found {
			return fmt.Errorf("%q is not LISTEN=TARGET", mapping)
		}
		if err := open(listen, firstFile+i); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := network.Enter(args[0]); err != nil {
		return err
	}
	return syscall.Exec(self, append([]string{self, "proxy", insideFlag}, args[1:]...), os.Environ())
}

// open listens and leaves the socket at the given descriptor, over the exec.
func open(listen string, number int) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	return unix.Dup3(int(file.Fd()), number, 0)
}

func serve(mappings []string) error {
	for i, mapping := range mappings {
		_, target, _ := strings.Cut(mapping, "=")
		listener, err := net.FileListener(os.NewFile(uintptr(firstFile+i), mapping))
		if err != nil {
			return err
		}
		go accept(listener, target)
	}
	log.Printf("serving %v", mappings)
	select {}
}

func accept(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors, most likely
			continue
		}
		go relay(client.(*net.TCPConn), target)
	}
}

// relay passes the end of each direction on separately: a client may close its
// side and still wait for the answer.
func relay(client *net.TCPConn, target string) {
	defer client.Close()
	connection, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	var both sync.WaitGroup
	for _, way := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0])
			_ = way[1].CloseWrite()
		})
	}
	both.Wait()
}
