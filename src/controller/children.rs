//! Children as the API server shows them: typed only as far as the controller must know them.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::labels;
use crate::resources::KindInfo;

/// A registered kind as the client wants it.
#[must_use]
pub fn api_resource(kind: &KindInfo) -> ApiResource {
    ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        api_version: kind.api_version(),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    }
}

/// The objects of a registered kind in a namespace.
#[must_use]
pub fn api(client: &Client, kind: &KindInfo, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &api_resource(kind))
}

/// Selector of everything that the operator wrote for an application.
#[must_use]
pub fn selector(app: &str) -> String {
    format!("{}={},{}={app}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE, labels::APP)
}

/// Selector of everything that belongs to an application, whoever wrote it.
#[must_use]
pub fn app_selector(app: &str) -> String {
    format!("{}={app}", labels::APP)
}

/// Hash of a JSON value.
#[must_use]
pub fn hash(value: &Value) -> u64 {
    let digest = Sha256::digest(value.to_string().as_bytes());
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Hash of a live object without what changes though nobody changed it: bookkeeping of the server,
/// status, and the size where an autoscaler owns it.
#[must_use]
pub fn echo(live: &DynamicObject, autoscaled: bool) -> u64 {
    let mut value = serde_json::to_value(live).unwrap_or_default();
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation"] {
            meta.remove(field);
        }
    }
    if let Some(object) = value.as_object_mut() {
        // Items of a list do not say their kind; answers to a write do.
        for field in ["apiVersion", "kind", "status"] {
            object.remove(field);
        }
    }
    if autoscaled && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("replicas");
    }
    hash(&value)
}

/// A number of a live object, by its path.
#[must_use]
pub fn number(live: &DynamicObject, path: &str) -> Option<i64> {
    live.data.pointer(path).and_then(Value::as_i64)
}

/// Whether a field manager owns `spec.replicas` of a live object through apply.
#[must_use]
pub fn owns_replicas(live: &DynamicObject, manager: &str) -> bool {
    live.metadata.managed_fields.iter().flatten().any(|entry| {
        entry.manager.as_deref() == Some(manager)
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
    })
}
