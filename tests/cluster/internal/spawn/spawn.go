// Package spawn starts the processes that outlive the command which started
// them. A control group and a network namespace can only be joined by the
// process itself, so a short-lived stage of this binary joins them, starts the
// real process there, reports its identity and ends.
package spawn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"scaledapp.dev/kins/internal/cgroup"
	"scaledapp.dev/kins/internal/network"
	"scaledapp.dev/kins/internal/process"
)

// Order says what to start, and where.
type Order struct {
	Command []string
	Group   string // control group, below ours
	Network string // file of a network namespace; empty for the machine's
	Isolate bool   // as process 1 of new mount, pid, uts, ipc and control group namespaces
	Log     string
}

// environment is all that a cluster inherits: the caller's proxies, say, are
// none of its business.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}

// Start hands the order to a stage run by the named binary.
func Start(kins string, order Order) (process.Process, error) {
	text, err := json.Marshal(order)
	if err != nil {
		return process.Process{}, err
	}
	stage := exec.Command(kins, "spawn", string(text))
	stage.Stderr = os.Stderr
	output, err := stage.Output()
	if err != nil {
		return process.Process{}, fmt.Errorf("start of %s: %w", order.Group, err)
	}
	var started process.Process
	return started, json.Unmarshal(output, &started)
}

// Stage carries the order out and writes the identity of what it started.
func Stage(text string, output io.Writer) error {
	var order Order
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	if len(order.Command) == 0 {
		return errors.New("nothing to start")
	}
	log, err := os.OpenFile(order.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := cgroup.Join(order.Group, os.Getpid()); err != nil {
		return err
	}
	// A child takes over the network namespace of the thread that forks it.
	runtime.LockOSThread()
	if order.Network != "" {
		if err := network.Enter(order.Network); err != nil {
			return err
		}
	}
	command := exec.Command(order.Command[0], order.Command[1:]...)
	command.Dir, command.Stdout, command.Stderr = "/", log, log
	command.Env = environment
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if order.Isolate {
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP
	}
	if err := command.Start(); err != nil {
		return err
	}
	started, err := process.Find(command.Process.Pid)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(started)
}
