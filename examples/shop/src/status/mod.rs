//! What the operator says of this shop: the part of its `ScaledApp`'s status that the drawing shows. Types and their words;
//! it must never ask anybody anything, [`source`] does.

pub mod source;

use serde::{Deserialize, Serialize};

/// The status of a `ScaledApp`, as far as it is shown; what an operator leaves out is empty.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppStatus {
    /// Highest rung of the ladder that is on.
    pub rung: Option<String>,
    /// Ready, Degraded and so on.
    pub conditions: Vec<Condition>,
    /// The rungs of the ladder, in its order.
    pub ladder: Vec<Rung>,
    /// The tiers, in the order of a request's way.
    pub tiers: Vec<Tier>,
}

/// A condition of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word.
    pub reason: String,
    /// One sentence, or nothing.
    pub message: String,
}

/// A rung of the ladder.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Rung {
    /// Its name.
    pub rung: String,
    /// Whether it is on.
    pub on: bool,
    /// What switched it on.
    pub trigger: Option<String>,
}

/// A tier: planned and as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tier {
    /// Edge, Proxy, Web, Worker, Pool, Database and so on.
    pub tier: String,
    /// The service's or worker's name, or the tier's in small letters.
    pub name: String,
    /// Pods that the plan wants.
    pub planned: Planned,
    /// Pods that are ready.
    pub ready: i64,
    /// Where it is reached.
    pub endpoint: Option<String>,
    /// The resource that binds first.
    pub bottleneck: Option<String>,
    /// Room that the plan leaves at peak, in percent of the tier's size.
    pub headroom_percent: Option<i64>,
    /// What it waits for, lacks or consists of.
    pub message: Option<String>,
}

/// Pods that a plan wants; the autoscaler chooses between the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Planned {
    /// Fewest.
    pub min: i64,
    /// Most.
    pub max: i64,
}

impl AppStatus {
    /// A condition by its type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Conditions beside Ready that somebody should know of: those that are not as in a calm hour.
    #[must_use]
    pub fn notable(&self) -> Vec<&Condition> {
        let calm = |condition: &&Condition| match condition.kind.as_str() {
            "Ready" => true,
            "Reconciling" | "Stalled" | "Degraded" => condition.status == "False",
            _ => condition.status == "True",
        };
        self.conditions.iter().filter(|condition| !calm(condition)).collect()
    }
}

impl Condition {
    /// Whether it says True.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.status == "True"
    }
}

impl Rung {
    /// `DatabaseReplicas` as `Database replicas`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = String::new();
        for letter in self.rung.chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
                words.extend(letter.to_lowercase());
            } else {
                words.push(letter);
            }
        }
        words
    }
}

impl Tier {
    /// Whether fewer pods are ready than the plan wants at least.
    #[must_use]
    pub fn lacks(&self) -> bool {
        self.ready < self.planned.min
    }

    /// Ready pods in percent of those that are planned at least, at most 100.
    #[must_use]
    pub fn filled_percent(&self) -> i64 {
        if self.planned.min <= 0 { 100 } else { (self.ready.max(0) * 100 / self.planned.min).min(100) }
    }
}

impl Planned {
    /// `3`, or `2–6` where an autoscaler chooses.
    #[must_use]
    pub fn words(self) -> String {
        if self.min == self.max { self.min.to_string() } else { format!("{}–{}", self.min, self.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, status: &str) -> Condition {
        Condition { kind: kind.to_owned(), status: status.to_owned(), ..Condition::default() }
    }

    #[test]
    fn a_calm_hour_has_nothing_notable() {
        let kinds = [("Ready", "False"), ("Reconciling", "False"), ("Degraded", "True"), ("DataSafe", "False")];
        let conditions = kinds.map(|(kind, status)| condition(kind, status)).to_vec();
        let status = AppStatus { conditions, ..AppStatus::default() };
        let notable: Vec<&str> = status.notable().iter().map(|condition| condition.kind.as_str()).collect();
        assert_eq!(notable, ["Degraded", "DataSafe"]);
        assert!(!status.condition("Ready").unwrap().holds());
    }

    #[test]
    fn a_tier_lacks_pods_below_its_least_only() {
        let tier = |ready, min, max| Tier { ready, planned: Planned { min, max }, ..Tier::default() };
        assert!(tier(1, 2, 6).lacks() && !tier(2, 2, 6).lacks() && !tier(0, 0, 0).lacks());
        assert_eq!([tier(1, 3, 3), tier(7, 2, 6), tier(0, 0, 0)].map(|tier| tier.filled_percent()), [33, 100, 100]);
        assert_eq!([(3, 3), (2, 6)].map(|(min, max)| Planned { min, max }.words()), ["3", "2–6"]);
    }

    #[test]
    fn rungs_are_read_as_words() {
        let rung = |name: &str| Rung { rung: name.to_owned(), ..Rung::default() }.words();
        assert_eq!([rung("DatabaseReplicas"), rung("Queue")], ["Database replicas", "Queue"]);
    }
}
