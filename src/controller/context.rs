//! What every stage is given, and what the operator remembers of each application between two
//! reconciles. Everything here may be lost: a restart only costs writes that change nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};

use crate::domain::Environment;
use crate::planner::Catalogue;
use crate::runtime::Metrics;

use super::bands::Turns;
use super::preflight::ClusterFacts;

/// What every stage is given.
pub struct Context {
    /// The client, behind the gate.
    pub client: Client,
    /// The operator's configuration.
    pub environment: Environment,
    /// Unit costs.
    pub catalogue: Catalogue,
    /// Metrics.
    pub metrics: Metrics,
    /// The one namespace that is looked after; `None` means all.
    pub scope: Option<String>,
    /// Writes Events.
    pub recorder: Recorder,
    memory: Mutex<BTreeMap<String, Memory>>,
    facts: Mutex<BTreeMap<String, ClusterFacts>>,
}

/// What is remembered of one application.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What was written, by kind and name.
    pub written: BTreeMap<(&'static str, String), Written>,
    /// Failures in a row.
    pub attempts: u32,
    /// Bands on their way into the status.
    pub turns: Turns,
    /// The last Event of each reason, so that none is repeated.
    pub said: BTreeMap<&'static str, String>,
}

/// An object as it was written: equal hashes mean that there is nothing to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of what was sent.
    pub desired: u64,
    /// Of what the server answered.
    pub echo: u64,
}

impl Context {
    /// A context with an empty memory.
    #[must_use]
    pub fn new(
        client: Client,
        environment: Environment,
        metrics: Metrics,
        scope: Option<String>,
        instance: Option<String>,
    ) -> Self {
        let reporter = Reporter { controller: "scaledapp".to_owned(), instance };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            environment,
            catalogue: Catalogue::builtin(),
            metrics,
            scope,
            memory: Mutex::default(),
            facts: Mutex::default(),
        }
    }

    /// Reads or changes what is remembered of an application.
    pub fn remember<T>(&self, key: &str, change: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        change(memory.entry(key.to_owned()).or_default())
    }

    /// Forgets an application that is gone.
    pub fn forget(&self, key: &str) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Reads or changes what is known of the cluster, as seen from a namespace.
    pub fn facts<T>(&self, namespace: &str, change: impl FnOnce(&mut Option<ClusterFacts>) -> T) -> T {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = facts.remove(namespace);
        let answer = change(&mut known);
        if let Some(known) = known {
            facts.insert(namespace.to_owned(), known);
        }
        answer
    }
}
