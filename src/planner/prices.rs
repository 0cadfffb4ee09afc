//! What a plan costs: a small table of prices with their dates and sources, and arithmetic over it.
//!
//! The table is data and replaceable. What is not in it: discounts, control planes, nodes that are not full, load
//! balancers, traffic between zones, and tiers that somebody else runs.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::demand::{DAYS_PER_MONTH, Demands, round};
use super::model::Catalogue;
use super::plan::{CostSpan, DemandFigures, MonthlyCost, Plan, Reason, Size, TierPlan};
use crate::domain::quantity::GIB;
use crate::domain::{Bytes, ValidApp};

/// Highest price of anything, so that a price of an hour's cents and one of a year are told apart from a slip.
const DEAREST: f64 = 1e6;

/// Prices of one place, each as the range of the offers that are compared.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceTable {
    /// What it is called.
    pub name: String,
    /// ISO 4217 code of the currency.
    pub currency: String,
    /// One vCPU for a month.
    pub cpu: Price,
    /// One GiB of memory for a month.
    pub memory: Price,
    /// One GiB of a volume for a month.
    pub storage: Price,
    /// One GB to the users.
    pub egress: Price,
}

/// One price.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// The cheapest of the offers that are compared.
    pub low: f64,
    /// The dearest of them.
    pub high: f64,
    /// The day of which they are, `YYYY-MM-DD`.
    pub date: String,
    /// Where they are from.
    pub source: String,
}

/// Why a table cannot be used.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum PriceError {
    /// It has another form.
    #[error(
        "it is no table of prices ({0}): write name, currency and, for each of cpu, memory, storage and egress, low, high, date and source"
    )]
    Form(String),
    /// The currency is none.
    #[error("currency is {0:?}: write the three letters of ISO 4217, such as USD or EUR")]
    Currency(String),
    /// A price is none.
    #[error("{0}.low is {1} and {0}.high is {2}: write numbers from 0 to 1000000, the lower one as low")]
    Range(&'static str, String, String),
    /// A date is none.
    #[error("{0}.date is {1:?}: write the day of the price as YYYY-MM-DD")]
    Date(&'static str, String),
    /// A source is missing.
    #[error("{0}.source is empty: write where the price is from, so that it can be looked up again")]
    Source(&'static str),
}

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "a constant of the build, read by a test")]
    PriceTable::parse(include_str!("prices.yaml")).expect("the built-in prices")
});

impl Price {
    /// The price in the middle of the range.
    #[must_use]
    pub const fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    fn because(&self, unit: &str) -> String {
        format!("{} to {} a {unit} of {}: {}", self.low, self.high, self.date, self.source)
    }
}

impl PriceTable {
    /// The table of this release.
    #[must_use]
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// A table of YAML or JSON.
    ///
    /// # Errors
    /// The first thing that is wrong, with what would be right.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let table: Self = serde_yaml::from_str(text).map_err(|error| PriceError::Form(error.to_string()))?;
        if table.currency.len() != 3 || !table.currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(PriceError::Currency(table.currency));
        }
        for (name, price) in
            [("cpu", &table.cpu), ("memory", &table.memory), ("storage", &table.storage), ("egress", &table.egress)]
        {
            if !(0.0..=DEAREST).contains(&price.low) || !(price.low..=DEAREST).contains(&price.high) {
                return Err(PriceError::Range(name, price.low.to_string(), price.high.to_string()));
            }
            if price.date.len() != 10 || price.date.parse::<jiff::civil::Date>().is_err() {
                return Err(PriceError::Date(name, price.date.clone()));
            }
            if price.source.trim().is_empty() {
                return Err(PriceError::Source(name));
            }
        }
        Ok(table)
    }

    /// A month of so many cores and bytes, at prices chosen by `end`.
    #[must_use]
    pub fn month(&self, cores: f64, memory: f64, storage: f64, end: fn(&Price) -> f64) -> f64 {
        let gib = GIB as f64;
        cores * end(&self.cpu) + memory / gib * end(&self.memory) + storage / gib * end(&self.storage)
    }

    fn size(&self, size: Size, end: fn(&Price) -> f64) -> f64 {
        self.month(size.cpu.cores(), size.memory.0 as f64, size.storage.0 as f64, end)
    }

    /// A month of a whole plan at its most pods, with what it sends at the horizon, at the middle of the prices.
    #[must_use]
    pub fn middle_of(&self, plan: &Plan) -> f64 {
        let tiers: f64 = plan.tiers.iter().map(|tier| self.size(tier.total, Price::middle)).sum();
        tiers + gigabytes(&plan.demand_at_horizon) * self.egress.middle()
    }
}

/// GB a month to the users: the average of what the figures give for the peak.
fn gigabytes(demand: &DemandFigures) -> f64 {
    let peak = demand.peak_requests_per_second;
    let share = if peak > 0.0 { demand.average_requests_per_second / peak } else { 0.0 };
    per_month(demand.egress_megabits_per_second * 1e6 / 8.0 * share)
}

fn per_month(bytes_per_second: f64) -> f64 {
    bytes_per_second * 86_400.0 * DAYS_PER_MONTH / 1e9
}

/// Prices every tier and the whole: fewest pods at the low prices to most pods at the high ones.
pub(super) fn cost(app: &ValidApp, catalogue: &Catalogue, demands: &Demands, tiers: &mut [TierPlan]) -> MonthlyCost {
    let prices = &catalogue.prices;
    for tier in tiers.iter_mut() {
        tier.monthly_cost = of_tier(prices, tier);
        let reasons = reasons_of_tier(prices, tier);
        tier.reasons.extend(reasons);
    }
    let answer = app.profile.response_size.value.0 as f64;
    let (now, then) = (per_month(demands.now.average * answer), per_month(demands.horizon.average * answer));
    let egress = CostSpan {
        currency: prices.currency.clone(),
        low: round(now * prices.egress.low),
        high: round(then * prices.egress.high),
    };
    let all = |end: fn(&CostSpan) -> f64| round(tiers.iter().map(|t| end(&t.monthly_cost)).sum::<f64>() + end(&egress));
    let (low, high) = (all(|span| span.low), all(|span| span.high));
    let source = format!("prices of {}, {}: for comparing plans, not for budgets", prices.name, newest(prices));
    let whole = |quantity: &str, value: f64, end: &str, egress: f64| {
        Reason::new(quantity, two_digits(value), format!("sum of all tiers' monthlyCost.{end} + egress.{end}"), &source)
            .with("egress", two_digits(egress))
            .with("currency", &prices.currency)
    };
    let sent = |quantity: &str, value: f64, gigabytes: f64, price: f64| {
        Reason::new(
            quantity,
            two_digits(value),
            "averageRequestsPerSecond * responseSize * seconds of a month / 10^9 * price",
            prices.egress.because("GB"),
        )
        .with("gigabytes", two_digits(gigabytes))
        .with("price", price)
    };
    let reasons = vec![
        whole("monthlyCost.low", low, "low", egress.low),
        whole("monthlyCost.high", high, "high", egress.high),
        sent("egress.low", egress.low, now, prices.egress.low),
        sent("egress.high", egress.high, then, prices.egress.high),
    ];
    MonthlyCost { currency: prices.currency.clone(), low, high, egress, prices: prices.name.clone(), reasons }
}

fn of_tier(prices: &PriceTable, tier: &TierPlan) -> CostSpan {
    let routers = tier.settings.routers();
    let at = |pods: u32, end: fn(&Price) -> f64| round(prices.size(tier.per_replica.times(pods).plus(routers), end));
    CostSpan {
        currency: prices.currency.clone(),
        low: at(tier.replicas.min, |price| price.low),
        high: at(tier.replicas.max, |price| price.high),
    }
}

fn reasons_of_tier(prices: &PriceTable, tier: &TierPlan) -> [Reason; 2] {
    let size = tier.per_replica;
    let gib = |bytes: Bytes| two_digits(bytes.0 as f64 / GIB as f64);
    let reason = |end: &str, value: f64, pods: u32, of: fn(&Price) -> f64| {
        Reason::new(
            format!("monthlyCost.{end}"),
            two_digits(value),
            "replicas * (cores * cpu + memoryGiB * memory + storageGiB * storage) + routers",
            format!("prices of {}, {}", prices.name, newest(prices)),
        )
        .with("replicas", pods)
        .with("cores", size.cpu.cores())
        .with("memoryGiB", gib(size.memory))
        .with("storageGiB", gib(size.storage))
        .with("cpu", of(&prices.cpu))
        .with("memory", of(&prices.memory))
        .with("storage", of(&prices.storage))
        .with("routers", two_digits(prices.size(tier.settings.routers(), of)))
    };
    let cost = &tier.monthly_cost;
    [
        reason("low", cost.low, tier.replicas.min, |price| price.low),
        reason("high", cost.high, tier.replicas.max, |price| price.high),
    ]
}

fn newest(prices: &PriceTable) -> &str {
    let dates = [&prices.cpu.date, &prices.memory.date, &prices.storage.date, &prices.egress.date];
    dates.into_iter().max().map_or("", String::as_str)
}

/// Two significant digits, for more would claim to know what no price list says: 1234 becomes 1200, 0.0567 0.057.
#[must_use]
pub fn two_digits(value: f64) -> String {
    format!("{}", to_two_digits(value))
}

/// The number that [`two_digits`] writes.
#[must_use]
pub fn to_two_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let magnitude = value.abs().log10().floor() as i32 - 1;
    let scale = 10_f64.powi(magnitude.abs());
    if magnitude >= 0 { (value / scale).round() * scale } else { (value * scale).round() / scale }
}
