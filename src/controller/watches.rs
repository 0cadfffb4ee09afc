//! What wakes the controller: its own children by their labels, pods by what matters of them,
//! volume claims. Metadata only, but for pods.
//!
//! A deletion always wakes, also one that happened while a watch was broken. Each watch recovers
//! by itself; none slows the others down.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::debug;

use crate::api::{ScaledApp, labels};
use crate::resources::KINDS;

use super::children;
use super::pods::PodView;

/// The application as it comes from the API server, readable or not.
pub type Stored = DeserializeGuard<ScaledApp>;

/// Seconds after which the server ends a watch; a connection that died silently is noticed then.
const WATCH_SECONDS: u32 = 60;
/// Objects in one page of a list.
const PAGE: u32 = 100;
/// Label that Patroni gives to the objects that it makes.
const PATRONI_SCOPE: &str = "cluster-name";

/// A short pause that doubles up to five seconds: soon back at work after an outage.
#[derive(Clone, Debug, Default)]
pub struct Impatient(u32);

impl Iterator for Impatient {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = super::error::pause(self.0);
        self.0 = self.0.saturating_add(1);
        Some(pause)
    }
}

impl Backoff for Impatient {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

/// How everything is watched.
#[must_use]
pub fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE)
}

/// Everything that wakes the controller beside the applications themselves.
#[must_use]
pub fn triggers(client: &Client, scope: Option<&str>) -> Vec<BoxStream<'static, ObjectRef<Stored>>> {
    let ours = format!("{}={}", labels::MANAGED_BY, labels::MANAGED_BY_VALUE);
    let mut all = Vec::new();
    for kind in KINDS {
        let resource = children::api_resource(kind);
        let api: Api<PartialObjectMeta<DynamicObject>> = match scope {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        // Their status changes all the time, and says nothing that we act on.
        let by_spec = matches!(kind.kind, "HorizontalPodAutoscaler" | "PodDisruptionBudget" | "Ingress");
        let events = watcher(api, config().labels(&ours));
        all.push(
            waking(kind.plural, events, move |object| {
                let meta = object.meta();
                match (by_spec, meta.generation) {
                    (true, Some(generation)) => format!("{:?}{generation}{:?}", meta.uid, meta.labels),
                    _ => format!("{:?}", meta.resource_version),
                }
            })
            .boxed(),
        );
    }
    let pods: Api<PodView> = scoped(client, scope);
    all.push(waking("pods", watcher(pods, config().labels(labels::APP)), PodView::shape).boxed());
    let claims: Api<PartialObjectMeta<PersistentVolumeClaim>> = scoped(client, scope);
    let events = watcher(claims, config().labels(labels::APP));
    all.push(waking("claims", events, |claim| format!("{:?}", claim.metadata.resource_version)).boxed());
    // Patroni renews its lock all the time; only that an object came or went is news.
    let patroni: Api<PartialObjectMeta<ConfigMap>> = scoped(client, scope);
    let events = watcher(patroni, config().labels(&format!("{},{PATRONI_SCOPE}", labels::APP)));
    all.push(waking("Patroni's objects", events, |map| format!("{:?}", map.metadata.uid)).boxed());
    all
}

/// The objects of one namespace, or of all.
#[must_use]
pub fn scoped<K>(client: &Client, scope: Option<&str>) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match scope {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Namespace and name.
type Key = (String, String);
/// The shape that matters, and the application.
type Entry = (u64, ObjectRef<Stored>);

/// What was seen of each object of a watch: the application and the shape that matters.
struct Seen<F> {
    shape: F,
    known: HashMap<Key, Entry>,
    listed: HashMap<Key, Entry>,
}

impl<F> Seen<F> {
    /// The applications that an event wakes.
    fn take<K>(&mut self, event: Event<K>) -> Vec<ObjectRef<Stored>>
    where
        K: Resource,
        F: Fn(&K) -> String,
    {
        match event {
            Event::Apply(object) => {
                let Some((key, entry)) = self.entry(&object) else { return Vec::new() };
                let before = self.known.insert(key, entry.clone());
                if before.is_some_and(|before| before.0 == entry.0) { Vec::new() } else { vec![entry.1] }
            }
            Event::Delete(object) => {
                let Some((key, entry)) = self.entry(&object) else { return Vec::new() };
                self.known.remove(&key);
                vec![entry.1]
            }
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                let Some((key, entry)) = self.entry(&object) else { return Vec::new() };
                let same = self.known.get(&key).is_some_and(|before| before.0 == entry.0);
                self.listed.insert(key, entry.clone());
                if same { Vec::new() } else { vec![entry.1] }
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.known, std::mem::take(&mut self.listed));
                before.into_iter().filter(|(key, _)| !self.known.contains_key(key)).map(|(_, entry)| entry.1).collect()
            }
        }
    }

    fn entry<K>(&self, object: &K) -> Option<(Key, Entry)>
    where
        K: Resource,
        F: Fn(&K) -> String,
    {
        let namespace = object.namespace()?;
        let app = object.labels().get(labels::APP)?;
        let shape = children::hash(&serde_json::Value::String((self.shape)(object)));
        Some(((namespace.clone(), object.name_any()), (shape, ObjectRef::new(app).within(&namespace))))
    }
}

fn waking<K, S, F>(what: &'static str, events: S, shape: F) -> impl Stream<Item = ObjectRef<Stored>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    S: Stream<Item = watcher::Result<Event<K>>> + Send,
    F: Fn(&K) -> String + Send,
{
    let mut seen = Seen { shape, known: HashMap::new(), listed: HashMap::new() };
    events
        .backoff(Impatient::default())
        .map(move |event| match event {
            Ok(event) => seen.take(event),
            Err(error) => {
                debug!(%error, what, "a watch broke and is made anew");
                Vec::new()
            }
        })
        .flat_map(stream::iter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn object(name: &str, version: &str) -> ConfigMap {
        serde_json::from_value(serde_json::json!({"metadata": {"name": name, "namespace": "ns",
            "resourceVersion": version, "labels": {(labels::APP): "shop"}}}))
        .unwrap()
    }

    fn seen() -> Seen<fn(&ConfigMap) -> String> {
        Seen { shape: |o| format!("{:?}", o.metadata.resource_version), known: HashMap::new(), listed: HashMap::new() }
    }

    #[test]
    fn a_deletion_wakes_though_nothing_else_changed() {
        let mut seen = seen();
        assert_eq!(seen.take(Event::Apply(object("a", "1"))).len(), 1);
        assert_eq!(seen.take(Event::Apply(object("a", "1"))).len(), 0);
        assert_eq!(seen.take(Event::Delete(object("a", "1"))).len(), 1);
    }

    #[test]
    fn a_deletion_during_a_broken_watch_wakes_when_the_watch_is_back() {
        let mut seen = seen();
        seen.take(Event::Apply(object("a", "1")));
        seen.take(Event::Apply(object("b", "1")));
        assert!(seen.take(Event::<ConfigMap>::Init).is_empty());
        assert!(seen.take(Event::InitApply(object("a", "1"))).is_empty());
        assert_eq!(seen.take(Event::<ConfigMap>::InitDone).len(), 1, "b is gone");
        assert_eq!(seen.take(Event::Apply(object("b", "2"))).len(), 1);
    }
}
