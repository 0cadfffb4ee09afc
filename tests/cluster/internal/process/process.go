// Package process knows a process by its id and its start time, so that an id
// which the kernel gave to another process in the meantime is never signalled.
package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process identifies one process for as long as the machine runs.
type Process struct {
	PID   int
	Start uint64 // clock ticks since boot, field 22 of /proc/PID/stat
}

// ErrGone says that there is no such process any more.
var ErrGone = errors.New("no such process")

// Find reads the identity of a running process.
func Find(pid int) (Process, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Start: stat.start}, nil
}

// Alive is true while this very process runs; a dead one that its parent has
// not collected yet is not alive.
func (p Process) Alive() bool {
	if p.PID == 0 {
		return false
	}
	stat, err := readStat(p.PID)
	return err == nil && stat.start == p.Start && stat.state != 'Z' && stat.state != 'X'
}

// Kill ends the process and waits until it is gone. A process that is not
// alive is no error.
func (p Process) Kill(timeout time.Duration) error {
	if !p.Alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	for end := time.Now().Add(timeout); p.Alive(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("process %d did not end within %s", p.PID, timeout)
		}
	}
	return nil
}

type stat struct {
	state byte
	start uint64
}

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, ErrGone
	}
	return parseStat(string(data))
}

// parseStat reads state and start time. The command, in parentheses, may hold
// spaces and parentheses itself, so fields are counted after the last one.
func parseStat(line string) (stat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("malformed stat line %q", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("malformed stat line %q", line)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, err
	}
	return stat{state: fields[0][0], start: start}, nil
}
