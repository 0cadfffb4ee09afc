package audit

import "testing"

func TestParseListener(t *testing.T) {
	const listening = "   0: 0100007F:46A0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0"
	if address, inode, ok := parseListener(listening); !ok || address != "127.0.0.1:18080" || inode != "4711" {
		t.Errorf("%s %s %t", address, inode, ok)
	}
	for _, line := range []string{
		"", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
		"   1: 0100007F:46A0 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0",
	} {
		if _, _, ok := parseListener(line); ok {
			t.Errorf("%q is taken for a listener", line)
		}
	}
}

func TestOnlyWhatOutlivesACommandCountsAsOurs(t *testing.T) {
	for command, want := range map[string]bool{
		"/cache/tools/cluster-1/kins proxy --inside a=b": true,
		"/run/kins/tools/kins kubelet --config x":        true,
		"/cache/tools/cluster-1/kins audit":              false,
		"/cache/tools/cluster-1/kins kubectl get pods":   false,
		"/usr/bin/kubelet --config x":                    false,
	} {
		if got := kinsRuns.MatchString(command); got != want {
			t.Errorf("%s: %t", command, got)
		}
	}
}

func TestClustersWhoseNamesBeginAlikeAreKeptApart(t *testing.T) {
	for name, want := range map[string]bool{
		"kins.a.net": true, "kins.a-control-plane": true, "kins.a-worker": true, "kins.a-worker12": true,
		"kins.a-b.net": false, "kins.a-b-worker": false, "kins.ab-worker": false, "a-worker": false,
	} {
		if got := (scope{"a"}).namespace(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if !(scope{}).namespace("kins.a-b.net") || (scope{}).namespace("other") {
		t.Error("the scope of all clusters is wrong")
	}
}
