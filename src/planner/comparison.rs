//! What was measured against what was declared: each figure by itself, and what it changes.
//!
//! Every figure is planned alone in the place of the declared one, so that it can be seen which of them matters.

use serde::Serialize;

use super::assembly::{Basis, assemble, plan};
use super::demand::round;
use super::model::Catalogue;
use super::packing::figure;
use super::plan::{Plan, Replicas, Size, Tier};
use super::proxy;
use super::recorded::RecordedPlan;
use crate::domain::observed::ObservedField;
use crate::domain::unit_cost;
use crate::domain::{Environment, Observed, Origin, ValidApp};

/// Measured figures against declared ones.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// When was measured.
    pub measured_at: String,
    /// For how long.
    pub window: String,
    /// Each figure.
    pub figures: Vec<Compared>,
    /// Tiers that all figures together change.
    pub tiers: Vec<TierChange>,
    /// Cost of a month as declared, at the most pods and the middle of the prices.
    pub cost_declared: f64,
    /// The same as measured.
    pub cost_observed: f64,
}

/// One figure.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The field of the spec, or what no field declares.
    pub field: String,
    /// The value that the plan would have without the measurement, as a spec writes it.
    pub declared: String,
    /// Where that comes from.
    pub source: String,
    /// What was measured, as a spec writes it.
    pub observed: String,
    /// Measured over declared; absent where zero was declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Whether it lies beside the range that is declared for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside_its_range: bool,
    /// Tiers that this figure by itself changes.
    pub tiers: Vec<TierChange>,
    /// Cost of a month with this figure alone measured.
    pub cost: f64,
}

/// A tier before and after; absent where it is not planned.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TierChange {
    /// The tier.
    pub tier: Tier,
    /// Its name.
    pub name: String,
    /// As declared.
    pub declared: Option<Sizing>,
    /// As measured.
    pub observed: Option<Sizing>,
}

/// Pods and their size.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Sizing {
    pub replicas: Replicas,
    pub per_replica: Size,
}

/// What a plan is made from beside the application.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Unit costs, limits and prices.
    pub catalogue: &'a Catalogue,
    /// The cluster.
    pub environment: &'a Environment,
    /// The recorded plan.
    pub previous: Option<&'a RecordedPlan>,
}

/// The plan of an application as it was measured, with the difference to what was declared.
#[must_use]
pub fn observed_plan(app: &ValidApp, observed: &Observed, given: Given<'_>) -> Plan {
    let Given { catalogue, environment, previous } = given;
    let price = |plan: &Plan| round(catalogue.prices.middle_of(plan));
    let declared = assemble(app, catalogue, environment, previous, false).plan;
    let basis = Basis::new(app, catalogue, environment);
    let figures = observed
        .figures()
        .into_iter()
        .map(|(field, value)| {
            let alone = observed.applied_alone(app, field, value);
            let planned = assemble(&alone, catalogue, environment, previous, false).plan;
            let (before, source) = expected(&basis, field);
            let ranges = &app.profile.ranges;
            Compared {
                field: name(field),
                declared: text(field, before),
                source,
                observed: text(field, value),
                factor: (before > 0.0).then(|| round(value / before)),
                outside_its_range: ranges.iter().any(|range| {
                    field == ObservedField::Profile(range.field) && !(range.low..=range.high).contains(&value)
                }),
                tiers: changes(&declared, &planned),
                cost: price(&planned),
            }
        })
        .collect();
    let mut measured = plan(&observed.applied(app), catalogue, environment, previous);
    measured.observed = Some(Comparison {
        measured_at: observed.measured_at.clone(),
        window: observed.window.clone(),
        figures,
        tiers: changes(&declared, &measured),
        cost_declared: price(&declared),
        cost_observed: price(&measured),
    });
    measured
}

fn name(field: ObservedField) -> String {
    match field {
        ObservedField::PeakRequestsPerSecond => "peakRequestsPerSecond".to_owned(),
        ObservedField::Profile(field) => format!("spec.profile.{field}"),
        ObservedField::CacheHitPercent => "cacheHitPercent".to_owned(),
        ObservedField::ProxyHitPercent => "proxyHitPercent".to_owned(),
    }
}

fn text(field: ObservedField, value: f64) -> String {
    match field {
        ObservedField::PeakRequestsPerSecond => figure(value),
        ObservedField::Profile(field) => unit_cost::text(field, value),
        ObservedField::CacheHitPercent | ObservedField::ProxyHitPercent => figure(value * 100.0),
    }
}

/// What the plan has without the measurement, and where from.
fn expected(basis: &Basis<'_>, field: ObservedField) -> (f64, String) {
    let ctx = basis.context();
    let (profile, now) = (&ctx.app.profile, &ctx.demands.now);
    match field {
        ObservedField::Profile(field) => {
            let source = match profile.unit_cost_origin(field) {
                Origin::Default { grade, .. } => format!("default, grade {grade}"),
                Origin::Declared(_) | Origin::Measured(_) => "declared".to_owned(),
            };
            (profile.unit_cost(field), source)
        }
        ObservedField::PeakRequestsPerSecond => (now.peak, "planned from spec.targets".to_owned()),
        ObservedField::CacheHitPercent => (ctx.cached.map_or(0.0, |fit| fit.hit), "planned for spec.cache".to_owned()),
        ObservedField::ProxyHitPercent => {
            let cacheable = now.dynamic * profile.cacheable_share.value;
            let hits = proxy::hits(ctx.app, ctx.catalogue, now.statics, cacheable);
            let all = now.statics + cacheable;
            let share = if all > 0.0 { (now.statics * hits.files + cacheable * hits.pages) / all } else { 0.0 };
            (share, "planned for spec.proxy".to_owned())
        }
    }
}

fn changes(declared: &Plan, observed: &Plan) -> Vec<TierChange> {
    let sized = |plan: &Plan, tier: Tier, name: &str| {
        let found = plan.tiers.iter().find(|known| known.tier == tier && known.name == name);
        found.map(|known| Sizing { replicas: known.replicas, per_replica: known.per_replica })
    };
    let new = observed.tiers.iter().filter(|tier| sized(declared, tier.tier, &tier.name).is_none());
    declared
        .tiers
        .iter()
        .chain(new)
        .map(|known| TierChange {
            tier: known.tier,
            name: known.name.clone(),
            declared: sized(declared, known.tier, &known.name),
            observed: sized(observed, known.tier, &known.name),
        })
        .filter(|change| change.declared != change.observed)
        .collect()
}
