//! What pods ask for is what the plan says: tier by tier, sidecars and routers included, at the autoscaler's most.

use scaledapp::api::labels;
use scaledapp::domain::{Bytes, Millicores};
use scaledapp::planner::{Size, Tier, TierPlan};
use serde_json::Value;

use crate::samples::{Sample, all};
use crate::text;

/// Whether a workload belongs to a tier, its routers included.
fn belongs(object: &Value, tier: &TierPlan) -> bool {
    let label = |name: &str| text(&object["metadata"]["labels"][name]);
    let component = label(labels::COMPONENT);
    let named = match tier.tier {
        Tier::Web => label(labels::SERVICE) == tier.name,
        Tier::Worker => label(labels::WORKER) == tier.name,
        _ => true,
    };
    named && (component == tier.tier.component() || Some(component) == tier.tier.router_component())
}

fn requests(container: &Value) -> Size {
    let amount = |name: &str| text(&container["resources"]["requests"][name]);
    Size {
        cpu: Millicores::parse(amount("cpu")).unwrap_or_default(),
        memory: Bytes::parse(amount("memory")).unwrap_or_default(),
        storage: Bytes(0),
    }
}

/// A pod's containers and native sidecars, and its volumes.
fn pod(object: &Value) -> Size {
    let spec = &object["spec"]["template"]["spec"];
    let containers = spec["containers"].as_array().into_iter().flatten();
    let sidecars = spec["initContainers"].as_array().into_iter().flatten();
    let sidecars = sidecars.filter(|container| container["restartPolicy"] == "Always");
    let claims = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let storage = claims.map(|claim| text(&claim["spec"]["resources"]["requests"]["storage"]));
    let storage = storage.filter_map(Bytes::parse).map(|bytes| bytes.0).sum();
    let whole = containers.chain(sidecars).map(requests).fold(Size::default(), Size::plus);
    Size { storage: Bytes(storage), ..whole }
}

fn most(sample: &Sample, object: &Value) -> u32 {
    let name = text(&object["metadata"]["name"]);
    let scaler = sample
        .of_kinds(&["HorizontalPodAutoscaler"])
        .find(|scaler| text(&scaler["spec"]["scaleTargetRef"]["name"]) == name);
    let count = scaler.map_or(&object["spec"]["replicas"], |scaler| &scaler["spec"]["maxReplicas"]);
    count.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_else(|| panic!("{name} has no size"))
}

#[test]
fn pods_ask_for_what_the_plan_says() {
    for sample in all() {
        for tier in &sample.plan.tiers {
            let asked = sample
                .of_kinds(&["Deployment", "StatefulSet"])
                .filter(|object| belongs(object, tier))
                .map(|object| pod(object).times(most(&sample, object)))
                .fold(Size::default(), Size::plus);
            assert_eq!(asked, tier.total, "{} {} {}", sample.name, tier.tier, tier.name);
        }
    }
}
