//! Which input moves the cost most: each input in doubt by itself, at both ends, with a plan of its own.
//!
//! Asked for by people and never by the operator, since it plans some twenty times. The doubt of a declared range is
//! that range; of a default it follows from the grade of its evidence; what was declared without a range is not doubted.

use serde::Serialize;

use super::assembly::assemble;
use super::demand::round;
use super::model::Catalogue;
use super::plan::{DemandFigures, MonthlyCost, Plan, Replicas, Severity, Size, Tier};
use crate::domain::{Environment, ValidApp};

mod inputs;

use inputs::{Doubted, doubted};

/// How far a plan hangs on values that are not known exactly.
#[derive(Serialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Uncertainty {
    /// The plan of the heavier end of every declared range at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_high: Option<AtHigh>,
    /// What each input in doubt does to the cost by itself, the one that moves it most first; absent where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Vec<Sensitivity>>,
    /// The field to measure first; absent where no input in doubt changes the cost by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure_first: Option<String>,
}

/// What the heavier ends of all ranges ask for.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AtHigh {
    /// The ends, by field.
    pub values: Vec<RangeEndValue>,
    /// The demand at the declared targets.
    pub demand: DemandFigures,
    /// The cost of a plan made on them.
    pub monthly_cost: MonthlyCost,
    /// The tiers of that plan.
    pub tiers: Vec<EndTier>,
}

/// An end of a range, as a spec writes it.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RangeEndValue {
    /// The field.
    pub field: String,
    /// The value.
    pub value: String,
}

/// A tier of the plan of an end.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct EndTier {
    pub tier: Tier,
    pub name: String,
    pub replicas: Replicas,
    pub per_replica: Size,
    pub total: Size,
}

/// What one input does to the cost by itself.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sensitivity {
    /// The field of the spec.
    pub field: String,
    /// The value of the plan, as a spec writes it.
    pub value: String,
    /// The low end.
    pub low: String,
    /// The high end.
    pub high: String,
    /// Cost of a month at the most pods when it is at the low end, at the middle of the prices.
    pub cost_low: f64,
    /// The same at the high end.
    pub cost_high: f64,
    /// Ends at which no plan can be made, `low` or `high`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_at: Vec<&'static str>,
    /// Where the two ends come from.
    pub source: String,
}

impl Sensitivity {
    /// By how much the cost moves from one end to the other.
    #[must_use]
    pub fn swing(&self) -> f64 {
        (self.cost_high - self.cost_low).abs()
    }
}

/// The cost at both ends of every input in doubt, and the one to measure first; `plan` is the application's own.
///
/// One at a time: what two of them do together is not in it. A plan without any doubt has an empty list.
#[must_use]
pub fn uncertainty(app: &ValidApp, catalogue: &Catalogue, environment: &Environment, plan: &Plan) -> Uncertainty {
    let mut middle = app.clone();
    middle.profile.ranges.clear();
    let cost = |input: &Doubted, value: f64| {
        let mut at = middle.clone();
        input.set(&mut at, value);
        let plan = assemble(&at, catalogue, environment, None, false).plan;
        let refused = plan.findings.iter().any(|finding| finding.severity == Severity::Error);
        (round(catalogue.prices.middle_of(&plan)), refused)
    };
    let mut sensitivity: Vec<Sensitivity> = doubted(app, catalogue)
        .into_iter()
        .map(|input| {
            let ((cost_low, refused_low), (cost_high, refused_high)) =
                (cost(&input, input.low), cost(&input, input.high));
            let refused = [("low", refused_low), ("high", refused_high)];
            Sensitivity {
                field: input.field(),
                value: input.text(input.value),
                low: input.text(input.low),
                high: input.text(input.high),
                cost_low,
                cost_high,
                refused_at: refused.into_iter().filter(|(_, is)| *is).map(|(end, _)| end).collect(),
                source: input.source,
            }
        })
        .collect();
    sensitivity.sort_by(|a, b| b.swing().total_cmp(&a.swing()));
    Uncertainty {
        at_high: plan.uncertainty.as_ref().and_then(|known| known.at_high.clone()),
        measure_first: sensitivity.first().filter(|first| first.swing() > 0.0).map(|first| first.field.clone()),
        sensitivity: Some(sensitivity),
    }
}
