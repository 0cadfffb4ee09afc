//! What the namespace and the cluster lack for a plan: all of it at once, before the first write
//! and on every later look. Reads only; what it read is kept for half a minute.
//!
//! Pods of every tier meet the `restricted` Pod Security Standard, so no namespace lacks a level.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use strum::IntoStaticStr;

use crate::domain::{Bytes, Environment, Millicores, ValidApp};
use crate::planner::{Plan, Size, Tier, TierSettings};

use super::context::Context;
use super::decide::Accepted;
use super::error::{Class, Staged, class_of};

/// For how long what was read counts.
const FRESH: Duration = Duration::from_secs(30);

/// Errors of the preflight.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum PreflightError {
    /// A read failed.
    #[error("{what} could not be read: {source}")]
    PreflightUnreadable {
        /// What.
        what: &'static str,
        /// Why.
        source: kube::Error,
    },
    /// The first write waits for what is lacking.
    #[error("nothing is written before the cluster has what the plan needs: {0}")]
    EnvironmentLacks(String),
}

impl Staged for PreflightError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::PreflightUnreadable { source, .. } => class_of(source),
            Self::EnvironmentLacks(_) => Class::Waiting,
        }
    }
}

/// Something that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Whether nothing may be written for the first time without it.
    pub blocks: bool,
    /// A sentence that says what to do.
    pub message: String,
}

/// What is known of the cluster, seen from a namespace.
#[derive(Clone, Debug)]
pub struct ClusterFacts {
    read_at: Instant,
    storage_classes: Vec<Named>,
    ingress_classes: Vec<Named>,
    priority_classes: Vec<String>,
    metrics_api: bool,
    quotas: Vec<ResourceQuota>,
    limits: Vec<LimitRange>,
}

/// A class and whether it is the default one.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    is_default: bool,
}

/// Lists what a plan needs and the cluster lacks.
///
/// # Errors
/// When the cluster cannot be read.
pub async fn preflight(ctx: &Context, accepted: &Accepted, first: bool) -> Result<Vec<Lack>, PreflightError> {
    let namespace = &accepted.app.namespace;
    let known = ctx.facts(namespace, |facts| facts.clone().filter(|f| f.read_at.elapsed() < FRESH));
    let facts = if let Some(facts) = known {
        facts
    } else {
        // Six reads at once are large, and rare.
        let facts = Box::pin(read(ctx, namespace)).await?;
        ctx.facts(namespace, |slot| *slot = Some(facts.clone()));
        facts
    };
    Ok(lacks(accepted, &ctx.environment, &facts, first))
}

/// Whether the metrics API was there at the last look.
#[must_use]
pub fn has_metrics_api(ctx: &Context, namespace: &str) -> bool {
    ctx.facts(namespace, |facts| facts.as_ref().is_some_and(|facts| facts.metrics_api))
}

async fn read(ctx: &Context, namespace: &str) -> Result<ClusterFacts, PreflightError> {
    let failed = |what: &'static str| move |source| PreflightError::PreflightUnreadable { what, source };
    let all = ListParams::default();
    let client = &ctx.client;
    let storage: Api<StorageClass> = Api::all(client.clone());
    let ingress: Api<IngressClass> = Api::all(client.clone());
    let priority: Api<PriorityClass> = Api::all(client.clone());
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), namespace);
    let limits: Api<LimitRange> = Api::namespaced(client.clone(), namespace);
    let (storage, ingress, priority, groups, quotas, limits) = futures::try_join!(
        async { storage.list(&all).await.map_err(failed("storage classes")) },
        async { ingress.list(&all).await.map_err(failed("ingress classes")) },
        async { priority.list(&all).await.map_err(failed("priority classes")) },
        async { client.list_api_groups().await.map_err(failed("the API groups")) },
        async { quotas.list(&all).await.map_err(failed("quotas")) },
        async { limits.list(&all).await.map_err(failed("limit ranges")) },
    )?;
    let is_true = |value: Option<&String>| value.map(String::as_str) == Some("true");
    let named = |name: String, is_default: bool| Named { name, is_default };
    Ok(ClusterFacts {
        read_at: Instant::now(),
        storage_classes: storage
            .iter()
            .map(|c| named(c.name_any(), is_true(c.annotations().get("storageclass.kubernetes.io/is-default-class"))))
            .collect(),
        ingress_classes: ingress
            .iter()
            .map(|c| named(c.name_any(), is_true(c.annotations().get("ingressclass.kubernetes.io/is-default-class"))))
            .collect(),
        priority_classes: priority.iter().map(ResourceExt::name_any).collect(),
        metrics_api: groups.groups.iter().any(|group| group.name == "metrics.k8s.io"),
        quotas: quotas.items,
        limits: limits.items,
    })
}

fn lacks(accepted: &Accepted, environment: &Environment, facts: &ClusterFacts, first: bool) -> Vec<Lack> {
    let plan = &accepted.plan;
    let mut found = Vec::new();
    if let (Some(database), Some(_)) = (&accepted.app.database, plan.tier(Tier::Database)) {
        let wanted = database.storage_class.as_deref().or(environment.storage_class.as_deref());
        found.extend(class_lack(&facts.storage_classes, wanted, "storage class", "spec.database.storage.className"));
    }
    if plan.tier(Tier::Sessions).is_some() || plan.tier(Tier::Queue).is_some() {
        let wanted = environment.storage_class.as_deref();
        let lack = class_lack(&facts.storage_classes, wanted, "storage class", "the operator's configuration");
        found.extend(lack.filter(|lack| !found.contains(lack)));
    }
    if let Some(ingress) = &accepted.app.ingress {
        let lack = class_lack(
            &facts.ingress_classes,
            ingress.class_name.as_deref(),
            "ingress class",
            "spec.ingress.className",
        );
        found.extend(lack.map(|lack| Lack { blocks: false, ..lack }));
    }
    found.extend(priority_lacks(&accepted.app, &facts.priority_classes));
    let autoscaled = plan.tiers.iter().any(|tier| match &tier.settings {
        TierSettings::Web(settings) => settings.autoscaled,
        TierSettings::Worker(settings) => settings.autoscaled,
        _ => false,
    });
    if autoscaled && !facts.metrics_api {
        found.push(Lack {
            blocks: false,
            message: "the metrics API (metrics.k8s.io) is not there, so autoscalers stay at their minimum: install metrics-server".to_owned(),
        });
    }
    found.extend(quota_lacks(plan, environment, facts, first));
    found.extend(limit_lacks(plan, environment, facts));
    found
}

fn class_lack(classes: &[Named], wanted: Option<&str>, what: &str, field: &str) -> Option<Lack> {
    let message = match wanted {
        Some(name) if classes.iter().any(|c| c.name == name) => return None,
        Some(name) => format!("{what} {name} does not exist: create it, or name another in {field}"),
        None if classes.iter().any(|c| c.is_default) => return None,
        None => format!("no {what} is the default: mark one as default, or name one in {field}"),
    };
    Some(Lack { blocks: true, message })
}

/// The API server makes no pod of a priority class that is not there.
fn priority_lacks(app: &ValidApp, classes: &[String]) -> Vec<Lack> {
    let services = app.services.iter().map(|service| ("services", &service.name, &service.container));
    let workers = app.workers.iter().map(|worker| ("workers", &worker.name, &worker.container));
    let jobs = app.cron_jobs.iter().map(|job| ("cronJobs", &job.name, &job.container));
    let wanted = services.chain(workers).chain(jobs).filter_map(|(list, name, container)| {
        let class = container.placement.priority_class_name.as_ref()?;
        Some((class, format!("spec.{list}[{name}].placement.priorityClassName")))
    });
    wanted
        .filter(|(class, _)| !classes.contains(class))
        .map(|(class, field)| Lack {
            blocks: true,
            message: format!("priority class {class} does not exist: create it, or name another in {field}"),
        })
        .collect()
}

/// What the pods of a plan ask for together, at `replicas.max`.
fn requests(plan: &Plan, environment: &Environment) -> Size {
    let percent = u64::from(environment.request_percent);
    let totals: Vec<Size> = plan.tiers.iter().map(|t| t.total).chain(routers(plan).map(|(n, s)| s.times(n))).collect();
    let sum = |of: fn(&Size) -> u64| totals.iter().map(of).fold(0, u64::saturating_add);
    Size {
        cpu: Millicores(sum(|s| s.cpu.0).saturating_mul(percent) / 100),
        memory: Bytes(sum(|s| s.memory.0).saturating_mul(percent) / 100),
        storage: Bytes(sum(|s| s.storage.0)),
    }
}

/// Pods of the routers before cache, sessions and queue, and the size of one; they are in no tier's total.
fn routers(plan: &Plan) -> impl Iterator<Item = (u32, Size)> {
    plan.tiers.iter().filter_map(|tier| match &tier.settings {
        TierSettings::Redis(settings) => Some((settings.router_replicas, settings.router)),
        TierSettings::Queue(settings) => Some((settings.router_replicas, settings.router)),
        _ => None,
    })
}

/// Names of a quota's resource, what the plan needs of it, the same as text, and how it is read.
type Row<'a> = (&'a [&'a str], u64, String, &'a dyn Fn(&str) -> Option<u64>);

fn quota_lacks(plan: &Plan, environment: &Environment, facts: &ClusterFacts, first: bool) -> Vec<Lack> {
    let total = requests(plan, environment);
    let pods: u64 = plan.tiers.iter().map(|t| t.replicas.max).chain(routers(plan).map(|(n, _)| n)).map(u64::from).sum();
    let cpu = |text: &str| Millicores::parse(text).map(|m| m.0);
    let bytes = |text: &str| Bytes::parse(text).map(|b| b.0);
    let count = |text: &str| text.parse::<u64>().ok();
    let rows: [Row<'_>; 4] = [
        (&["requests.cpu", "cpu"], total.cpu.0, total.cpu.quantity(), &cpu),
        (&["requests.memory", "memory"], total.memory.0, total.memory.quantity(), &bytes),
        (&["requests.storage"], total.storage.0, total.storage.quantity(), &bytes),
        (&["pods"], pods, pods.to_string(), &count),
    ];
    let mut found = Vec::new();
    for quota in &facts.quotas {
        let hard = quota.spec.as_ref().and_then(|s| s.hard.clone()).unwrap_or_default();
        let used = quota.status.as_ref().and_then(|s| s.used.clone()).unwrap_or_default();
        for (names, need, written, parse) in &rows {
            let Some((name, limit)) = names.iter().find_map(|n| hard.get(*n).map(|limit| (*n, limit))) else {
                continue;
            };
            // Later looks see our own pods among the used ones.
            let taken = if first { used.get(name).and_then(|q| parse(&q.0)).unwrap_or(0) } else { 0 };
            if parse(&limit.0).is_some_and(|limit| limit.saturating_sub(taken) < *need) {
                let message = format!(
                    "quota {} leaves too little {name}: the plan needs {written} at its largest, the quota is {}{}",
                    quota.name_any(),
                    limit.0,
                    used.get(name).map(|u| format!(" with {} in use", u.0)).unwrap_or_default(),
                );
                found.push(Lack { blocks: true, message });
            }
        }
    }
    found
}

fn limit_lacks(plan: &Plan, environment: &Environment, facts: &ClusterFacts) -> Vec<Lack> {
    let percent = u64::from(environment.request_percent);
    let mut found = Vec::new();
    for range in &facts.limits {
        let items = range.spec.as_ref().map(|spec| spec.limits.as_slice()).unwrap_or_default();
        for max in items.iter().filter(|item| item.type_ == "Pod").filter_map(|item| item.max.as_ref()) {
            for tier in &plan.tiers {
                let cpu = max
                    .get("cpu")
                    .and_then(|q| Millicores::parse(&q.0))
                    .is_some_and(|limit| limit.0 < tier.per_replica.cpu.0 * percent / 100);
                let memory = max
                    .get("memory")
                    .and_then(|q| Bytes::parse(&q.0))
                    .is_some_and(|limit| limit < tier.per_replica.memory);
                if cpu || memory {
                    let message = format!(
                        "limit range {} allows no pod of {} CPU and {}, as {} {} needs: raise its maximum",
                        range.name_any(),
                        tier.per_replica.cpu,
                        tier.per_replica.memory,
                        tier.tier,
                        tier.name,
                    );
                    found.push(Lack { blocks: true, message });
                }
            }
        }
    }
    found
}

/// The sentences of everything that is lacking.
#[must_use]
pub fn sentences(lacks: &[Lack]) -> String {
    lacks.iter().map(|lack| lack.message.as_str()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, is_default: bool) -> Named {
        Named { name: name.to_owned(), is_default }
    }

    #[test]
    fn a_priority_class_must_exist() {
        let spec = "{targets: {dailyActiveUsers: 10}, services: [{name: web, image: i, placement: {priorityClassName: web}}], workers: [{name: mail, image: i}]}";
        let spec = serde_yaml::from_str(spec).unwrap();
        let app = crate::domain::validate("app", "default", None, &spec, &Environment::default()).unwrap();
        let lacks = priority_lacks(&app, &["other".to_owned()]);
        let [lack] = lacks.as_slice() else { panic!("{lacks:?}") };
        assert!(lack.blocks && lack.message.contains("spec.services[web].placement.priorityClassName"), "{lack:?}");
        assert_eq!(priority_lacks(&app, &["web".to_owned()]), []);
    }

    #[test]
    fn a_class_must_exist_or_one_must_be_the_default() {
        let classes = [named("fast", false)];
        assert_eq!(class_lack(&classes, Some("fast"), "storage class", "f"), None);
        assert!(
            class_lack(&classes, Some("slow"), "storage class", "f").unwrap().message.contains("slow does not exist")
        );
        assert!(
            class_lack(&classes, None, "storage class", "f")
                .unwrap()
                .message
                .contains("no storage class is the default")
        );
        assert_eq!(class_lack(&[named("fast", true)], None, "storage class", "f"), None);
    }
}
