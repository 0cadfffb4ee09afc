//! What would change between a recorded plan and a new one: fields, rungs, tiers, what restarts, what risks data and
//! what would wait for an approval. Reads finished plans; decides nothing.

use serde::Serialize;
use serde_json::Value;

use super::changes;
use super::plan::{CostSpan, Finding, Plan, Proposal, Replicas, Rung, Size, Tier, TierSettings};
use super::recorded::RecordedPlan;
use crate::api::{ProposedChange, ScaledAppSpec};

/// The difference of two plans.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlanDiff {
    /// Name of the application.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// Hash of the plan before; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Hash of the new plan.
    pub hash: String,
    /// Fields of the spec that differ.
    pub spec: Vec<FieldChange>,
    /// Rungs that are switched on or off.
    pub rungs: Vec<RungSwitch>,
    /// Tiers that come, go or change their size, as they would be without an approval.
    pub tiers: Vec<TierChange>,
    /// Settings of engines that were there before and stay, where they differ.
    pub settings: Vec<SettingChange>,
    /// Pods of the application that are rolled out anew because of their own fields.
    pub rolled: Vec<RolledOut>,
    /// Changes that happen at once, each with its class.
    pub changes: Vec<ProposedChange>,
    /// Changes that wait for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposal>,
    /// Rough cost of a month before; absent where there was no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_before: Option<CostSpan>,
    /// Rough cost of a month with the new plan.
    pub cost: CostSpan,
    /// What the owner should know of the new plan.
    pub findings: Vec<Finding>,
}

/// A field of the spec.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Its path, such as `spec.services[web].image`.
    pub field: String,
    /// What it was; absent where it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is; absent where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// A rung that is switched.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RungSwitch {
    /// The rung.
    pub rung: Rung,
    /// Whether it is on now.
    pub on: bool,
    /// Why, in one sentence.
    pub because: String,
}

/// Pods and their size.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TierSize {
    /// Pods.
    pub replicas: Replicas,
    /// Size of one.
    pub per_replica: Size,
}

/// A tier that is not as it was.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TierChange {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// What it was; absent where it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<TierSize>,
    /// What it is; absent where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<TierSize>,
}

/// A setting of an engine.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SettingChange {
    /// Its object, such as `Database/shop-database`.
    pub object: String,
    /// Its name in the plan, such as `maxConnections`.
    pub setting: String,
    /// What it was.
    pub from: Value,
    /// What it is.
    pub to: Value,
    /// Whether members restart for it, behind a switchover where there are several.
    pub restarts: bool,
}

/// A service or worker whose pods are replaced.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RolledOut {
    /// Its object, such as `Web/shop-web`.
    pub object: String,
    /// Its fields that differ.
    pub fields: Vec<String>,
}

impl PlanDiff {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { spec, rungs, tiers, settings, rolled, changes, proposed, .. } = self;
        let same = spec.is_empty() && rungs.is_empty() && tiers.is_empty() && settings.is_empty() && rolled.is_empty();
        same && changes.is_empty() && proposed.is_none() && self.previous.is_some()
    }
}

/// The difference from a recorded plan, of which `cost_before` is the price, to the plan of a spec.
#[must_use]
pub fn diff(
    previous: Option<&RecordedPlan>,
    cost_before: Option<CostSpan>,
    spec: &ScaledAppSpec,
    plan: &Plan,
) -> PlanDiff {
    let fields = previous.map(|recorded| field_changes(&recorded.spec, spec)).unwrap_or_default();
    let tiers = tiers(previous, plan);
    PlanDiff {
        app: plan.app.clone(),
        namespace: plan.namespace.clone(),
        previous: previous.map(|recorded| recorded.hash.clone()),
        hash: plan.hash.clone(),
        rungs: rungs(previous, plan),
        settings: settings(previous, plan),
        rolled: rolled(previous, &fields, &tiers, plan),
        tiers,
        changes: changes::classify(previous, plan),
        proposed: plan.proposed.clone(),
        cost_before,
        cost: CostSpan {
            currency: plan.monthly_cost.currency.clone(),
            low: plan.monthly_cost.low,
            high: plan.monthly_cost.high,
        },
        findings: plan.findings.clone(),
        spec: fields,
    }
}

/// The leaves of two specs that differ, in the order of the fields.
#[must_use]
pub fn field_changes(from: &ScaledAppSpec, to: &ScaledAppSpec) -> Vec<FieldChange> {
    let value = |spec: &ScaledAppSpec| serde_json::to_value(spec).unwrap_or(Value::Null);
    let mut found = Vec::new();
    compare("spec", Some(&value(from)), Some(&value(to)), &mut found);
    found
}

fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<FieldChange>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                compare(&format!("{path}.{key}"), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if named(old) && named(new) => {
            let find = |list: &[Value], name: &str| list.iter().find(|item| name_of(item) == Some(name)).cloned();
            let mut names: Vec<&str> = old.iter().chain(new).filter_map(name_of).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                compare(&format!("{path}[{name}]"), find(old, name).as_ref(), find(new, name).as_ref(), found);
            }
        }
        _ => found.push(FieldChange { field: path.to_owned(), from: from.cloned(), to: to.cloned() }),
    }
}

fn name_of(item: &Value) -> Option<&str> {
    item.get("name").and_then(Value::as_str)
}

fn named(list: &[Value]) -> bool {
    list.iter().all(|item| name_of(item).is_some())
}

fn rungs(previous: Option<&RecordedPlan>, plan: &Plan) -> Vec<RungSwitch> {
    let was = |rung: Rung| previous.is_some_and(|recorded| recorded.rungs.get(&rung).copied().unwrap_or(false));
    plan.ladder
        .iter()
        .filter(|rung| rung.on != was(rung.rung))
        .map(|rung| RungSwitch { rung: rung.rung, on: rung.on, because: rung.because.clone() })
        .collect()
}

fn tiers(previous: Option<&RecordedPlan>, plan: &Plan) -> Vec<TierChange> {
    let mut found: Vec<TierChange> = plan
        .tiers
        .iter()
        .map(|tier| TierChange {
            tier: tier.tier,
            name: tier.name.clone(),
            from: previous
                .and_then(|recorded| recorded.tier(tier.tier, &tier.name))
                .map(|was| TierSize { replicas: was.replicas, per_replica: was.per_replica }),
            to: Some(TierSize { replicas: tier.replicas, per_replica: tier.per_replica }),
        })
        .collect();
    let gone = previous
        .into_iter()
        .flat_map(|recorded| &recorded.tiers)
        .filter(|was| !plan.tiers.iter().any(|tier| tier.tier == was.tier && tier.name == was.name));
    found.extend(gone.map(|was| TierChange {
        tier: was.tier,
        name: was.name.clone(),
        from: Some(TierSize { replicas: was.replicas, per_replica: was.per_replica }),
        to: None,
    }));
    found.retain(|change| change.from != change.to);
    found
}

/// Sizes of containers among the settings, which the tiers' sizes tell.
const SIZES: [&str; 5] = ["postgres", "agent", "redis", "sentinelSize", "router"];
/// Settings that `PostgreSQL` reads when it starts; Patroni hands the others to a running one.
const READ_AT_START: [&str; 2] = ["maxConnections", "sharedBuffersBytes"];
/// Settings of the routers before Redis, which are stateless.
const OF_ROUTERS: [&str; 2] = ["routerReplicas", "routerMaxConnections"];

fn settings(previous: Option<&RecordedPlan>, plan: &Plan) -> Vec<SettingChange> {
    let mut found = Vec::new();
    for tier in &plan.tiers {
        let Some(was) = previous.and_then(|recorded| recorded.tier(tier.tier, &tier.name)) else { continue };
        let (from, to) = match (&tier.settings, &was.database, &was.redis) {
            (TierSettings::Database(to), Some(from), _) => (serde_json::to_value(from), serde_json::to_value(to)),
            (TierSettings::Redis(to), _, Some(from)) => (serde_json::to_value(from), serde_json::to_value(to)),
            _ => continue,
        };
        let (Ok(Value::Object(from)), Ok(Value::Object(to))) = (from, to) else { continue };
        let database = tier.tier == Tier::Database;
        let differing =
            to.into_iter().filter(|(name, to)| !SIZES.contains(&name.as_str()) && from.get(name) != Some(to));
        found.extend(differing.map(|(setting, to)| SettingChange {
            object: format!("{}/{}-{}", tier.tier, plan.app, tier.name),
            from: from.get(&setting).cloned().unwrap_or(Value::Null),
            to,
            restarts: if database {
                READ_AT_START.contains(&setting.as_str())
            } else {
                !OF_ROUTERS.contains(&setting.as_str())
            },
            setting,
        }));
    }
    found
}

/// Fields of a service or worker that say how much it gets, and not what runs in it.
const NOT_ROLLED: [&str; 8] =
    ["pin", "paths", "requestPercent", "jobsPerThousandRequests", "timePerJob", "maxDelay", "autoscaling", "rateLimit"];

/// Tiers of which every container of the application gets addresses.
const BOUND: [Tier; 5] = [Tier::Database, Tier::Cache, Tier::Sessions, Tier::Queue, Tier::Proxy];
/// Fields of the spec that are in every pod of services and workers.
const IN_EVERY_POD: [&str; 2] = ["spec.imagePullSecrets", "spec.sessions.ttl"];

/// What is new or gone in the environment of all services and workers.
fn environment(fields: &[FieldChange], tiers: &[TierChange]) -> Vec<String> {
    let came_or_went = tiers.iter().filter(|change| change.from.is_none() != change.to.is_none());
    let addresses = came_or_went.filter_map(|change| match change.tier {
        Tier::Web => Some(format!("spec.services[{}]", change.name)),
        tier => BOUND.contains(&tier).then(|| format!("spec.{}", tier.component())),
    });
    let shared = fields.iter().map(|change| &change.field);
    let shared = shared.filter(|field| IN_EVERY_POD.iter().any(|start| field.starts_with(start)));
    addresses.chain(shared.cloned()).collect()
}

fn rolled(
    previous: Option<&RecordedPlan>,
    fields: &[FieldChange],
    tiers: &[TierChange],
    plan: &Plan,
) -> Vec<RolledOut> {
    let mut found = Vec::new();
    let shared = environment(fields, tiers);
    for tier in plan.tiers.iter().filter(|tier| matches!(tier.tier, Tier::Web | Tier::Worker)) {
        if previous.is_none_or(|recorded| recorded.tier(tier.tier, &tier.name).is_none()) {
            continue;
        }
        let list = if tier.tier == Tier::Web { "services" } else { "workers" };
        let prefix = format!("spec.{list}[{}].", tier.name);
        let own: Vec<String> = fields
            .iter()
            .filter_map(|change| change.field.strip_prefix(&prefix))
            .filter(|field| !NOT_ROLLED.contains(&field.split(['.', '[']).next().unwrap_or(field)))
            .map(str::to_owned)
            .chain(shared.iter().cloned())
            .collect();
        if !own.is_empty() {
            found.push(RolledOut { object: format!("{}/{}-{}", tier.tier, plan.app, tier.name), fields: own });
        }
    }
    found
}
