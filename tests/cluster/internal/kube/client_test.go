package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"
)

func TestAnOldReportOfAKubeletDoesNotMakeItsNodeReady(t *testing.T) {
	const node = `{"metadata":{"name":%q},"status":{"conditions":[{"type":"Ready","status":%q,"lastHeartbeatTime":%q}]}}`
	started := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	before, after := started.Add(-time.Minute).Format(time.RFC3339), started.Format(time.RFC3339)
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(answer, `{"items":[`+node+","+node+","+node+","+node+`]}`,
			"old", "True", before, "new", "True", after, "bad", "False", after, "running", "True", before)
	}))
	defer server.Close()
	client := At(server.URL, server.Client())
	missing, err := client.NotReady(map[string]time.Time{"old": started, "new": started, "bad": started, "running": {}, "absent": {}})
	if want := []string{"absent", "bad", "old"}; err != nil || !reflect.DeepEqual(missing, want) {
		t.Errorf("%v %v", missing, err)
	}
}
