//! The inputs that are in doubt, each with its two ends.
//!
//! Only which they are and how far they may lie off; what that costs is the business of the module above.

use strum::IntoEnumIterator as _;

use crate::api::RangedField;
use crate::domain::unit_cost;
use crate::domain::{Bytes, Grade, Millis, Origin, Sourced, ValidApp, ValidLoad};
use crate::planner::model::{Catalogue, Constant};

/// An input of the plan that can be put elsewhere.
#[derive(Clone, Debug, PartialEq)]
enum Input {
    Profile(RangedField),
    PeakToAverage,
    RequestsPerUserPerDay,
    SecondsBetweenRequests,
    CacheItemCount,
    CacheItemSize,
    JobsPerThousandRequests(usize, String),
    TimePerJob(usize, String),
}

/// An input in doubt.
pub(super) struct Doubted {
    input: Input,
    /// The value of the plan, in the unit of the field.
    pub value: f64,
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
    /// Where the ends come from.
    pub source: String,
}

/// Everything that is in doubt: the declared ranges, and the defaults that the plan hangs on.
///
/// A default of zero stands for what is off until it is declared, and half of nothing is nothing: it is left out.
pub(super) fn doubted(app: &ValidApp, catalogue: &Catalogue) -> Vec<Doubted> {
    let profile = &app.profile;
    let mut found: Vec<Doubted> = profile
        .ranges
        .iter()
        .map(|range| Doubted {
            input: Input::Profile(range.field),
            value: profile.unit_cost(range.field),
            low: range.low,
            high: range.high,
            source: format!("spec.profile.ranges[{}]", range.field),
        })
        .collect();
    let mut doubt = |input: Input, value: f64, origin: &Origin| {
        let Origin::Default { grade, .. } = origin else { return };
        if value > 0.0 {
            let factor = factor(catalogue, *grade);
            let (low, high) = input.ends(app, value, factor.value);
            found.push(Doubted { input, value, low, high, source: factor.because() });
        }
    };
    let ranged = |field| profile.ranges.iter().any(|range| range.field == field);
    for field in RangedField::iter().filter(|field| !ranged(*field) && matters(app, *field)) {
        doubt(Input::Profile(field), profile.unit_cost(field), profile.unit_cost_origin(field));
    }
    let targets = &app.targets;
    match &targets.load {
        ValidLoad::DailyActiveUsers { requests_per_user_per_day: requests, .. } => {
            doubt(Input::RequestsPerUserPerDay, requests.value as f64, &requests.origin);
        }
        ValidLoad::PeakConcurrentUsers { seconds_between_requests: pause, .. } => {
            doubt(Input::SecondsBetweenRequests, pause.value as f64, &pause.origin);
        }
        ValidLoad::PeakRequestsPerSecond(_) => {}
    }
    doubt(Input::PeakToAverage, targets.peak_to_average.value, &targets.peak_to_average.origin);
    if let Some(cache) = &app.cache {
        doubt(Input::CacheItemCount, cache.item_count.value as f64, &cache.item_count.origin);
        doubt(Input::CacheItemSize, cache.item_size.value.0 as f64, &cache.item_size.origin);
    }
    for (index, worker) in app.workers.iter().enumerate() {
        let (jobs, time) = (&worker.jobs_per_request, &worker.time_per_job);
        doubt(Input::JobsPerThousandRequests(index, worker.name.clone()), jobs.value * 1000.0, &jobs.origin);
        doubt(Input::TimePerJob(index, worker.name.clone()), time.value.0 as f64, &time.origin);
    }
    found
}

/// Whether a tier or the traffic hangs on a unit cost.
fn matters(app: &ValidApp, field: RangedField) -> bool {
    match field {
        RangedField::QueriesPerRequest | RangedField::ReadPercent | RangedField::BytesWrittenPerUserPerDay => {
            app.has_database()
        }
        _ => true,
    }
}

const fn factor(catalogue: &Catalogue, grade: Grade) -> Constant {
    match grade {
        Grade::A => catalogue.doubt_of_grade_a,
        Grade::B => catalogue.doubt_of_grade_b,
        Grade::C => catalogue.doubt_of_grade_c,
        Grade::D => catalogue.doubt_of_grade_d,
    }
}

impl Input {
    /// The two ends: smaller and larger by the factor; of a share its odds are, so that it stays below one.
    fn ends(&self, app: &ValidApp, value: f64, factor: f64) -> (f64, f64) {
        let (low, high) = (value / factor, value * factor);
        match self {
            Self::Profile(RangedField::ReadPercent | RangedField::StaticPercent | RangedField::CacheablePercent) => {
                let share = |odds: f64| if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
                let odds = value / (1.0 - value);
                (share(odds / factor), share(odds * factor))
            }
            Self::PeakToAverage => (low.max(1.0), high),
            Self::RequestsPerUserPerDay | Self::SecondsBetweenRequests => (low.round().max(1.0), high.round()),
            // A job that takes longer than it may is no job that a plan can be made for.
            Self::TimePerJob(index, _) => {
                let most = app.workers.get(*index).map_or(high, |worker| worker.max_delay.value.0 as f64 - 1.0);
                (low.ceil(), high.min(most).max(value))
            }
            _ => (low, high),
        }
    }
}

fn put<T>(sourced: &mut Sourced<T>, value: T) {
    sourced.value = value;
}

impl Doubted {
    /// The field of the spec.
    pub fn field(&self) -> String {
        match &self.input {
            Input::Profile(field) => format!("spec.profile.{field}"),
            Input::PeakToAverage => "spec.targets.peakToAverage".to_owned(),
            Input::RequestsPerUserPerDay => "spec.targets.requestsPerUserPerDay".to_owned(),
            Input::SecondsBetweenRequests => "spec.targets.secondsBetweenRequests".to_owned(),
            Input::CacheItemCount => "spec.cache.itemCount".to_owned(),
            Input::CacheItemSize => "spec.cache.itemSize".to_owned(),
            Input::JobsPerThousandRequests(_, worker) => format!("spec.workers[{worker}].jobsPerThousandRequests"),
            Input::TimePerJob(_, worker) => format!("spec.workers[{worker}].timePerJob"),
        }
    }

    /// A value as a spec writes it.
    pub fn text(&self, value: f64) -> String {
        match &self.input {
            Input::Profile(field) => unit_cost::text(*field, value),
            Input::CacheItemSize => Bytes(value.round() as u64).quantity(),
            Input::TimePerJob(..) => Millis(value as u64).to_string(),
            Input::CacheItemCount => format!("{value:.0}"),
            _ => format!("{}", (value * 100.0).round() / 100.0),
        }
    }

    /// Puts a value in its place.
    pub fn set(&self, app: &mut ValidApp, value: f64) {
        match (&self.input, &mut app.targets.load) {
            (Input::Profile(field), _) => app.profile.set_unit_cost(*field, value),
            (Input::PeakToAverage, _) => put(&mut app.targets.peak_to_average, value),
            (Input::RequestsPerUserPerDay, ValidLoad::DailyActiveUsers { requests_per_user_per_day: requests, .. }) => {
                put(requests, value as u64);
            }
            (Input::SecondsBetweenRequests, ValidLoad::PeakConcurrentUsers { seconds_between_requests: pause, .. }) => {
                put(pause, value as u64);
            }
            (Input::CacheItemCount, _) => {
                app.cache.iter_mut().for_each(|cache| put(&mut cache.item_count, value as u64));
            }
            (Input::CacheItemSize, _) => {
                app.cache.iter_mut().for_each(|cache| put(&mut cache.item_size, Bytes(value.round() as u64)));
            }
            (Input::JobsPerThousandRequests(index, _), _) => {
                app.workers.get_mut(*index).into_iter().for_each(|w| put(&mut w.jobs_per_request, value / 1000.0));
            }
            (Input::TimePerJob(index, _), _) => {
                app.workers.get_mut(*index).into_iter().for_each(|w| put(&mut w.time_per_job, Millis(value as u64)));
            }
            _ => {}
        }
    }
}
