//! The desired set: every object of an application, with the stage in which it is written.
//!
//! Stages are barriers for roll-outs only: an object that exists already is never removed because
//! its stage has not come yet.

use serde_json::Value;

use super::registry::{KINDS, KindInfo, Registered};

/// When an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Stage {
    /// Accounts, secrets, configuration, services, policies, the data tiers and the pool.
    Foundation,
    /// Migrations; the next stage waits until they are done.
    Migrate,
    /// What runs the application's own code, and the way in.
    Serve,
}

/// One object as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredObject {
    /// Its kind.
    pub kind: KindInfo,
    /// Its name.
    pub name: String,
    /// When it is written.
    pub stage: Stage,
    /// Whether it runs no code of the application: while nothing was ever rolled out it does not wait for migrations.
    pub early: bool,
    /// Place within its stage: a migration is created when those of lower order have completed.
    pub order: u32,
    /// Whether it is only created, never changed: the template of a Job cannot change, and its
    /// name tells one from another.
    pub create_only: bool,
    /// Deployments that must each have a ready pod before this object is changed, so that traffic is never
    /// sent to what does not answer yet, nor cut off meanwhile; a creation does not wait, nor does a change of an
    /// object whose spec names the Deployment already.
    pub leads_to: Vec<String>,
    /// The owned fields, with apiVersion and kind; without `spec.replicas` where an autoscaler owns it.
    pub object: Value,
    /// Pods to begin with, where an autoscaler owns `spec.replicas` afterwards.
    pub seed_replicas: Option<u32>,
    /// Whether the object outlives the application: it gets no owner reference.
    pub retained: bool,
}

/// All objects of an application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DesiredSet {
    objects: Vec<DesiredObject>,
}

impl DesiredSet {
    /// Adds an object of a registered kind.
    pub fn add<K: Registered>(&mut self, stage: Stage, object: &K) -> &mut DesiredObject {
        let name = object.metadata().name.clone().unwrap_or_default();
        // Serialising a Kubernetes type to JSON cannot fail: its keys are strings and its numbers finite.
        let mut value = serde_json::to_value(object).unwrap_or_default();
        value["apiVersion"] = K::INFO.api_version().into();
        value["kind"] = K::INFO.kind.into();
        self.objects.push(DesiredObject {
            kind: K::INFO,
            name,
            stage,
            early: false,
            order: 0,
            create_only: false,
            leads_to: Vec::new(),
            object: value,
            seed_replicas: None,
            retained: false,
        });
        let last = self.objects.len() - 1;
        &mut self.objects[last]
    }

    /// Adds an object if the builder decided that it exists.
    pub fn add_some<K: Registered>(&mut self, stage: Stage, object: Option<&K>) {
        if let Some(object) = object {
            self.add(stage, object);
        }
    }

    /// The objects by stage, then by order, then by the registry's order, then by name.
    #[must_use]
    pub fn into_ordered(mut self) -> Vec<DesiredObject> {
        let rank = |kind: &KindInfo| KINDS.iter().position(|k| k == kind).unwrap_or(KINDS.len());
        self.objects.sort_by(|a, b| {
            (a.stage, a.order, rank(&a.kind), &a.name).cmp(&(b.stage, b.order, rank(&b.kind), &b.name))
        });
        self.objects
    }

    /// The objects, unordered.
    #[must_use]
    pub fn objects(&self) -> &[DesiredObject] {
        &self.objects
    }
}
