//! The CustomResourceDefinition as it is installed: the derived one, with the status' default and
//! with descriptions cut to their first paragraph.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::ScaledApp;

/// Below these fields stand the words of a pod, which Kubernetes documents with pods. There is a copy of them for each
/// that has pods, so that their descriptions alone would be a fifth of what is installed.
const OF_PODS: [&str; 3] = ["env", "envFrom", "volumes"];

/// The definition to install: what [`documented`] says, without the descriptions of a pod's own words.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = documented();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            leave_to_pods(schema, false);
        }
    }
    crd
}

/// The definition with every description.
///
/// `status` defaults to `{observedGeneration: -1}`, so that kstatus calls an object that nobody has
/// looked at yet in progress instead of ready.
#[must_use]
pub fn documented() -> CustomResourceDefinition {
    let mut crd = ScaledApp::crd();
    for version in &mut crd.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else {
            continue;
        };
        shorten(schema);
        if let Some(status) = schema.properties.as_mut().and_then(|p| p.get_mut("status")) {
            status.default = Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSON(
                serde_json::json!({"observedGeneration": -1}),
            ));
            unrequire(status, "conditions");
        }
    }
    crd
}

fn leave_to_pods(schema: &mut JSONSchemaProps, below: bool) {
    for (name, child) in schema.properties.iter_mut().flatten() {
        if below {
            child.description = None;
        }
        leave_to_pods(child, below || OF_PODS.contains(&name.as_str()));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut schema.items {
        if below {
            item.description = None;
        }
        leave_to_pods(item, below);
    }
}

/// Only the first paragraph of a field's documentation goes to the cluster.
fn shorten(schema: &mut JSONSchemaProps) {
    if let Some(text) = &mut schema.description
        && let Some(end) = text.find("\n\n")
    {
        text.truncate(end);
    }
    for child in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        shorten(child);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => shorten(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(shorten),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(child)) = &mut schema.additional_properties {
        shorten(child);
    }
}

fn unrequire(schema: &mut JSONSchemaProps, field: &str) {
    if let Some(required) = &mut schema.required {
        required.retain(|name| name != field);
    }
}
