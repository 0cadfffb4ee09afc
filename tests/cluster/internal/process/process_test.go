package process

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 100 200"
	for _, command := range []string{"(sh)", "(a b)", "(a) R 1 (b)", "())"} {
		got, err := parseStat("77 " + command + rest)
		if err != nil || got.state != 'S' || got.start != 4242 {
			t.Errorf("%s: %+v %v", command, got, err)
		}
	}
	for _, line := range []string{"", "77 (sh", "77 (sh) S 1 2"} {
		if _, err := parseStat(line); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}

func TestAnotherProcessOfTheSameIDIsNeverKilled(t *testing.T) {
	self, err := Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Error("this process is not alive")
	}
	other := Process{PID: self.PID, Start: self.Start + 1}
	if other.Alive() {
		t.Error("a process with another start time is taken for this one")
	}
	if err := other.Kill(time.Second); err != nil { // would end this test if it signalled
		t.Error(err)
	}
	if (Process{}).Alive() {
		t.Error("no process is alive")
	}
}

func TestKillEndsADeadButUncollectedProcessToo(t *testing.T) {
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait() // collected only now: a zombie until then
	p, err := Find(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("it still runs")
	}
}
