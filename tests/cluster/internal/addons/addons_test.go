package addons

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"scaledapp.dev/kins/internal/config"
	"scaledapp.dev/kins/internal/plan"
)

func cluster(t *testing.T) plan.Cluster {
	t.Helper()
	c, err := config.Parse([]byte("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{}, {role: worker, labels: {zone: a}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(c, "x", 1, 1, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkDocuments(t *testing.T, text string) {
	t.Helper()
	for _, document := range strings.Split(text, "---\n") {
		var object struct{ Kind, APIVersion string }
		if err := yaml.Unmarshal([]byte(document), &object); err != nil || object.Kind == "" {
			t.Errorf("%v in:\n%s", err, document)
		}
	}
}

func TestEveryDocumentIsAnObject(t *testing.T) {
	text, err := Manifests(cluster(t))
	if err != nil {
		t.Fatal(err)
	}
	checkDocuments(t, text)
	for _, left := range []string{"PAUSE_IMAGE", "DNS_ADDRESS"} {
		if strings.Contains(text, left) {
			t.Errorf("%s was not filled in", left)
		}
	}
	if !strings.Contains(text, "clusterIP: 10.96.0.10") {
		t.Error("DNS has not its address")
	}
}

func TestPortableAddOnsNeedNothingOfTheNode(t *testing.T) {
	text, err := Portable("some/image:1")
	if err != nil {
		t.Fatal(err)
	}
	checkDocuments(t, text)
	if strings.Contains(text, "hostPath") || strings.Contains(text, "name: tools") || strings.Count(text, "some/image:1") != 2 {
		t.Errorf("not portable:\n%s", text)
	}
}

func TestOnlyTheControlPlaneIsTainted(t *testing.T) {
	text, err := Nodes(cluster(t))
	if err != nil {
		t.Fatal(err)
	}
	checkDocuments(t, text)
	documents := strings.Split(text, "---\n")
	if !strings.Contains(documents[0], "taints") || strings.Contains(documents[1], "taints") || !strings.Contains(documents[1], "zone: a") {
		t.Error(text)
	}
}
