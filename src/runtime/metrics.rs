//! The operator's own metrics, in the `OpenMetrics` text format. Labels come from closed sets.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// One label, named by what it is.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Verb {
    verb: String,
}

/// The metrics; clones count into the same ones.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    reconciles: Family<Outcome, Counter>,
    durations: Histogram,
    errors: Family<Reason, Counter>,
    applied: Family<Kind, Counter>,
    writes: Family<Verb, Counter>,
    in_progress: Gauge,
    malformed: Counter,
    leading: Gauge,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            durations: Histogram::new(exponential_buckets(0.005, 2.0, 12)),
            errors: Family::default(),
            applied: Family::default(),
            writes: Family::default(),
            in_progress: Gauge::default(),
            malformed: Counter::default(),
            leading: Gauge::default(),
        }
    }
}

impl Metrics {
    /// A reconcile begins.
    pub fn begun(&self) {
        self.0.in_progress.inc();
    }

    /// A reconcile ended.
    pub fn ended(&self, outcome: &'static str, took: Duration) {
        self.0.in_progress.dec();
        self.0.reconciles.get_or_create(&Outcome { outcome }).inc();
        self.0.durations.observe(took.as_secs_f64());
    }

    /// An error by its reason.
    pub fn failed(&self, reason: &'static str) {
        self.0.errors.get_or_create(&Reason { reason }).inc();
    }

    /// An object was written.
    pub fn applied(&self, kind: &'static str) {
        self.0.applied.get_or_create(&Kind { kind }).inc();
    }

    /// A writing request was sent.
    pub fn wrote(&self, verb: &str) {
        self.0.writes.get_or_create(&Verb { verb: verb.to_owned() }).inc();
    }

    /// A stored object could not be read.
    pub fn malformed(&self) {
        self.0.malformed.inc();
    }

    /// Whether this replica leads.
    pub fn leading(&self, leading: bool) {
        self.0.leading.set(i64::from(leading));
    }

    /// The page.
    ///
    /// # Errors
    /// When the text cannot be written, which memory forbids only.
    pub fn page(&self) -> Result<String, std::fmt::Error> {
        let f = &self.0;
        let mut registry = Registry::with_prefix("scaledapp");
        registry.register("reconciles", "Reconciles by outcome", f.reconciles.clone());
        registry.register("reconcile_duration_seconds", "Duration of reconciles", f.durations.clone());
        registry.register("reconciles_in_progress", "Reconciles under way", f.in_progress.clone());
        registry.register("errors", "Errors by reason", f.errors.clone());
        registry.register("objects_applied", "Objects written, by kind", f.applied.clone());
        registry.register("api_writes", "Writing requests sent to the API server, by verb", f.writes.clone());
        registry.register("malformed_objects", "Times that a stored ScaledApp could not be read", f.malformed.clone());
        registry.register("leading", "Whether this replica holds the leader lease", f.leading.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}
