package expander

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// class is the StorageClass whose volumes grow; see the add-ons' storage.yaml.
const class = "standard"

const (
	bound   = "Bound"
	storage = "storage"
)

// resizing are the conditions that tell of a growth that is not finished.
var resizing = map[string]bool{
	"Resizing": true, "FileSystemResizePending": true, "ControllerResizeError": true, "NodeResizeError": true,
}

type sizes map[string]resource.Quantity

type meta struct {
	Name              string `json:"name"`
	Namespace         string `json:"namespace"`
	UID               string `json:"uid"`
	ResourceVersion   string `json:"resourceVersion"`
	DeletionTimestamp string `json:"deletionTimestamp"`
}

type claim struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Class     string `json:"storageClassName"`
		Volume    string `json:"volumeName"`
		Resources struct {
			Requests sizes `json:"requests"`
		} `json:"resources"`
	} `json:"spec"`
	Status struct {
		Phase      string           `json:"phase"`
		Capacity   sizes            `json:"capacity"`
		Conditions []map[string]any `json:"conditions"`
	} `json:"status"`
}

type volume struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Capacity sizes     `json:"capacity"`
		HostPath *struct{} `json:"hostPath"`
		Claim    struct {
			UID string `json:"uid"`
		} `json:"claimRef"`
	} `json:"spec"`
}

// wants is true when the claim asks for more than it has, and is ours to serve.
func wants(c claim) bool {
	if c.Status.Phase != bound || c.Spec.Class != class || c.Metadata.DeletionTimestamp != "" {
		return false
	}
	has, known := c.Status.Capacity[storage]
	asked := c.Spec.Resources.Requests[storage]
	return known && asked.Cmp(has) > 0
}

// growth is what remains to be written, the volume before the claim. A nil
// patch is not needed. Each holds the version that it was decided from, so that
// the API server refuses it when the object has changed since.
type growth struct {
	size          resource.Quantity
	volume, claim map[string]any
}

// decide says how the volume of a claim that wants more grows. A volume is
// never made smaller: one that grew for a wish that was then lowered keeps its
// size, and the claim is told so.
func decide(c claim, v volume) (growth, error) {
	if v.Spec.Claim.UID != c.Metadata.UID {
		return growth{}, fmt.Errorf("volume %s is not bound to this claim", v.Metadata.Name)
	}
	if v.Spec.HostPath == nil {
		return growth{}, fmt.Errorf("volume %s is not a host path", v.Metadata.Name)
	}
	g := growth{size: c.Spec.Resources.Requests[storage]}
	if has := v.Spec.Capacity[storage]; has.Cmp(g.size) >= 0 {
		g.size = has
	} else {
		g.volume = map[string]any{
			"metadata": map[string]any{"resourceVersion": v.Metadata.ResourceVersion},
			"spec":     map[string]any{"capacity": map[string]any{storage: g.size.String()}},
		}
	}
	g.claim = map[string]any{
		"metadata": map[string]any{"resourceVersion": c.Metadata.ResourceVersion},
		"status": map[string]any{
			"capacity":                  map[string]any{storage: g.size.String()},
			"conditions":                unrelated(c.Status.Conditions),
			"allocatedResources":        map[string]any{storage: nil},
			"allocatedResourceStatuses": map[string]any{storage: nil},
		},
	}
	return g, nil
}

func unrelated(conditions []map[string]any) []map[string]any {
	kept := []map[string]any{}
	for _, condition := range conditions {
		if kind, _ := condition["type"].(string); !resizing[kind] {
			kept = append(kept, condition)
		}
	}
	return kept
}
