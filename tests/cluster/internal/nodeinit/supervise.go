package nodeinit

import (
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"scaledapp.dev/kins/internal/node"
)

const (
	restartDelay = time.Second
	pollInterval = 100 * time.Millisecond
)

// supervisor runs services for ever. It alone waits for processes, because
// process 1 must also collect the orphans of the containers' shims.
type supervisor struct {
	dir     string
	mutex   sync.Mutex
	waiting map[int]chan unix.WaitStatus
}

func newSupervisor(dir string) (*supervisor, error) {
	for _, sub := range []string{node.Pids(dir), node.Stops(dir)} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return nil, err
		}
	}
	stale, err := filepath.Glob(filepath.Join(node.Pids(dir), "*"))
	if err != nil {
		return nil, err
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil {
			return nil, err
		}
	}
	return &supervisor{dir: dir, waiting: map[int]chan unix.WaitStatus{}}, nil
}

// collect takes the exit of every child, for ever.
func (s *supervisor) collect() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			time.Sleep(pollInterval)
			continue
		}
		if err != nil {
			continue
		}
		s.mutex.Lock()
		exited := s.waiting[pid]
		delete(s.waiting, pid)
		s.mutex.Unlock()
		if exited != nil {
			exited <- status
		}
	}
}

// run keeps one service running, except while its stop file exists.
func (s *supervisor) run(service node.Service) {
	stop := filepath.Join(node.Stops(s.dir), service.Name)
	for {
		for exists(stop) {
			time.Sleep(pollInterval)
		}
		if err := s.once(service, stop); err != nil {
			log.Printf("%s: %v", service.Name, err)
		}
		if !exists(stop) {
			time.Sleep(restartDelay)
		}
	}
}

// once runs a service until it exits, or kills it when its stop file appears.
func (s *supervisor) once(service node.Service, stop string) error {
	output, err := os.OpenFile(filepath.Join(s.dir, "log", service.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	pid, exited, err := s.start(service, output)
	if err != nil {
		return err
	}
	pidFile := filepath.Join(node.Pids(s.dir), service.Name)
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return err
	}
	defer os.Remove(pidFile)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case status := <-exited:
			log.Printf("%s ended: exit code %d, signal %d", service.Name, status.ExitStatus(), status.Signal())
			return nil
		case <-tick.C:
			if exists(stop) {
				// Not collected yet, so the id is still this process's.
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// start holds the lock from before the process exists until it is known, so
// that collect cannot meet an unknown exit.
func (s *supervisor) start(service node.Service, output *os.File) (int, chan unix.WaitStatus, error) {
	path, err := exec.LookPath(service.Command[0])
	if err != nil {
		return 0, nil, err
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, err
	}
	defer nothing.Close()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	pid, err := syscall.ForkExec(path, service.Command, &syscall.ProcAttr{
		Dir: s.dir, Env: os.Environ(), Files: []uintptr{nothing.Fd(), output.Fd(), output.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, nil, err
	}
	exited := make(chan unix.WaitStatus, 1)
	s.waiting[pid] = exited
	return pid, exited, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
