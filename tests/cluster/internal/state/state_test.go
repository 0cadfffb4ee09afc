package state

import (
	"errors"
	"reflect"
	"testing"

	"scaledapp.dev/kins/internal/plan"
	"scaledapp.dev/kins/internal/process"
)

func TestStateSurvivesItsFile(t *testing.T) {
	t.Setenv("SCALEDAPP_CACHE", t.TempDir())
	if _, err := Load("x"); !errors.Is(err, ErrAbsent) {
		t.Fatalf("an absent cluster gives %v", err)
	}
	dir, err := Dir("x")
	if err != nil {
		t.Fatal(err)
	}
	before := &State{Dir: dir, Tools: "/t", Request: "r", Plan: plan.Cluster{Name: "x"}, Processes: map[string]process.Process{"n": {PID: 5, Start: 6}}}
	if err := before.Save(); err != nil {
		t.Fatal(err)
	}
	after, err := Load("x")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%+v\n%+v", before, after)
	}
	all, err := All()
	if err != nil || len(all) != 1 || all[0].Plan.Name != "x" {
		t.Errorf("%v %v", all, err)
	}
}

func TestTheLockIsExclusive(t *testing.T) {
	t.Setenv("SCALEDAPP_CACHE", t.TempDir())
	release, err := Lock("x")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan bool)
	go func() {
		again, err := Lock("x")
		if err == nil {
			again()
		}
		entered <- err == nil
	}()
	select {
	case <-entered:
		t.Fatal("two hold the lock at once")
	default:
	}
	release()
	if !<-entered {
		t.Fatal("the lock was not given back")
	}
}
