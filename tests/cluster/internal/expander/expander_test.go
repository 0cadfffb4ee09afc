package expander

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"scaledapp.dev/kins/internal/kube"
)

func read[T any](t *testing.T, text string) T {
	t.Helper()
	var into T
	if err := yaml.Unmarshal([]byte(text), &into); err != nil {
		t.Fatal(err)
	}
	return into
}

func claimOf(t *testing.T, class, phase, asks, has, more string) claim {
	t.Helper()
	return read[claim](t, fmt.Sprintf(`
metadata: {name: data, namespace: shop, uid: u1, resourceVersion: "7"}
spec: {storageClassName: %s, volumeName: pv, resources: {requests: {storage: %s}}}
status: {phase: %s, capacity: {storage: %s}%s}`, class, asks, phase, has, more))
}

func volumeOf(t *testing.T, uid, has string) volume {
	t.Helper()
	return read[volume](t, fmt.Sprintf(`
metadata: {name: pv, resourceVersion: "9"}
spec: {capacity: {storage: %s}, claimRef: {uid: %s}, hostPath: {path: /tmp/hostpath_pv/x}}`, has, uid))
}

func text(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOnlyABoundClaimOfTheClassThatAsksForMoreWantsToGrow(t *testing.T) {
	for _, c := range []struct {
		class, phase, asks, has string
		want                    bool
	}{
		{"standard", "Bound", "2Gi", "1Gi", true},
		{"standard", "Bound", "1025Mi", "1Gi", true},
		{"standard", "Bound", "1024Mi", "1Gi", false},
		{"standard", "Bound", "1Gi", "2Gi", false},
		{"standard", "Pending", "2Gi", "1Gi", false},
		{"standard", "Lost", "2Gi", "1Gi", false},
		{"other", "Bound", "2Gi", "1Gi", false},
	} {
		if got := wants(claimOf(t, c.class, c.phase, c.asks, c.has, "")); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	leaving := claimOf(t, "standard", "Bound", "2Gi", "1Gi", "")
	leaving.Metadata.DeletionTimestamp = "2026-01-02T03:04:05Z"
	unknown := claimOf(t, "standard", "Bound", "2Gi", "1Gi", "")
	unknown.Status.Capacity = nil
	if wants(leaving) || wants(unknown) {
		t.Error("a claim that is deleted, or has no size yet, does not grow")
	}
}

func TestTheVolumeGrowsThenTheClaimWithoutTheSignsOfResizing(t *testing.T) {
	c := claimOf(t, "standard", "Bound", "2Gi", "1Gi", `, conditions: [{type: Resizing, status: "True"}, {type: ModifyingVolume, status: "True"}]`)
	g, err := decide(c, volumeOf(t, "u1", "1Gi"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, g.volume), `{"metadata":{"resourceVersion":"9"},"spec":{"capacity":{"storage":"2Gi"}}}`; got != want {
		t.Error(got)
	}
	if got, want := text(t, g.claim), `{"metadata":{"resourceVersion":"7"},"status":{"allocatedResourceStatuses":{"storage":null},`+
		`"allocatedResources":{"storage":null},"capacity":{"storage":"2Gi"},"conditions":[{"status":"True","type":"ModifyingVolume"}]}}`; got != want {
		t.Error(got)
	}
}

func TestAVolumeIsNeverMadeSmaller(t *testing.T) {
	for has, want := range map[string]string{"2Gi": "2Gi", "8Gi": "8Gi"} {
		g, err := decide(claimOf(t, "standard", "Bound", "2Gi", "1Gi", ""), volumeOf(t, "u1", has))
		if err != nil || g.volume != nil || !strings.Contains(text(t, g.claim), `"capacity":{"storage":"`+want+`"}`) {
			t.Errorf("%s: %v %s", has, err, text(t, g.claim))
		}
	}
}

func TestAVolumeOfAnotherClaimOrKindIsLeftAlone(t *testing.T) {
	c := claimOf(t, "standard", "Bound", "2Gi", "1Gi", "")
	elsewhere := volumeOf(t, "u1", "1Gi")
	elsewhere.Spec.HostPath = nil
	for _, v := range []volume{volumeOf(t, "u2", "1Gi"), elsewhere} {
		if g, err := decide(c, v); err == nil || g.volume != nil || g.claim != nil {
			t.Errorf("%+v", g)
		}
	}
}

func TestAClaimThatCannotGrowDoesNotKeepOthersWaiting(t *testing.T) {
	const item = `{"metadata":{"name":%q,"namespace":"shop","uid":%q},"spec":{"storageClassName":"standard","volumeName":%q,"resources":{"requests":{"storage":"2Gi"}}},` +
		`"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}`
	var patched []string
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		switch {
		case request.Method == http.MethodPatch:
			patched = append(patched, request.URL.Path)
			fmt.Fprint(answer, "{}")
		case request.URL.Path == "/api/v1/persistentvolumeclaims":
			fmt.Fprintf(answer, `{"items":[`+item+","+item+`]}`, "stuck", "u0", "lost", "data", "u1", "pv")
		case request.URL.Path == "/api/v1/persistentvolumes/pv":
			fmt.Fprint(answer, `{"spec":{"capacity":{"storage":"1Gi"},"claimRef":{"uid":"u1"},"hostPath":{"path":"/x"}}}`)
		default:
			http.NotFound(answer, request)
		}
	}))
	defer server.Close()
	err := round(kube.At(server.URL, server.Client()))
	if err == nil || !strings.HasPrefix(err.Error(), "shop/stuck: ") {
		t.Error(err)
	}
	want := "/api/v1/persistentvolumes/pv /api/v1/namespaces/shop/persistentvolumeclaims/data/status"
	if got := strings.Join(patched, " "); got != want {
		t.Error(got)
	}
}
