package plan

import (
	"encoding/json"
	"reflect"
	"testing"

	"scaledapp.dev/kins/internal/config"
)

func configuration(t *testing.T, text string) config.Config {
	t.Helper()
	c, err := config.Parse([]byte("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const threeNodes = `nodes:
- extraPortMappings: [{containerPort: 80, hostPort: 18080}]
- role: worker
- role: worker
`

func TestAddresses(t *testing.T) {
	c, err := New(configuration(t, threeNodes), "x", 7, 40000, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Gateway.String() != "172.30.7.1" || c.DNS.String() != "10.96.0.10" || c.Kubernetes.String() != "10.96.0.1" {
		t.Errorf("gateway %s, DNS %s, API %s", c.Gateway, c.DNS, c.Kubernetes)
	}
	want := [][3]string{{"x-control-plane", "172.30.7.2", "10.244.0.0/24"}, {"x-worker", "172.30.7.3", "10.244.1.0/24"}, {"x-worker2", "172.30.7.4", "10.244.2.0/24"}}
	for i, n := range c.Nodes {
		if got := [3]string{n.Name, n.IP.String(), n.Pods.String()}; got != want[i] {
			t.Errorf("node %d: %v, not %v", i, got, want[i])
		}
	}
	if address, mapped := c.HostPort(80); !mapped || address.String() != "127.0.0.1:18180" {
		t.Errorf("port 80 at %s, %t", address, mapped)
	}
}

func TestAPlanSurvivesItsFile(t *testing.T) {
	before, err := New(configuration(t, threeNodes), "x", 1, 1, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after Cluster
	if err := json.Unmarshal(text, &after); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("%+v\n%+v", before, after)
	}
}

func TestSubnetsThatDoNotFit(t *testing.T) {
	for _, text := range []string{
		"networking: {podSubnet: 10.0.0.0/24}\n" + threeNodes,
		"networking: {podSubnet: 10.0.0.0/25}\n",
		"networking: {podSubnet: 'fd00::/48'}\n",
		"networking: {serviceSubnet: 10.0.0.0/30}\n",
		"networking: {podSubnet: nonsense}\n",
	} {
		if _, err := New(configuration(t, text), "x", 1, 1, 0, false); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

func TestAPortBeyondTheLast(t *testing.T) {
	if _, err := New(configuration(t, threeNodes), "x", 1, 1, 60000, false); err == nil {
		t.Error("port 78080 was accepted")
	}
}

func TestNodesAreFoundByShortAndFullName(t *testing.T) {
	c, err := New(configuration(t, threeNodes), "x", 1, 1, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"worker2", "x-worker2"} {
		if n, err := c.Node(name); err != nil || n.Name != "x-worker2" {
			t.Errorf("%s: %v %v", name, n.Name, err)
		}
	}
	if _, err := c.Node("worker9"); err == nil {
		t.Error("worker9 was found")
	}
}

func TestFreeIndex(t *testing.T) {
	all := make([]int, MaxIndex)
	for i := range all {
		all[i] = i + 1
	}
	for _, c := range []struct {
		used []int
		want int
	}{{nil, 1}, {[]int{1, 2}, 3}, {[]int{3, 1}, 2}, {[]int{2}, 1}, {all, 0}} {
		if got, err := FreeIndex(c.used); got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%v: %d %v", c.used, got, err)
		}
	}
}
