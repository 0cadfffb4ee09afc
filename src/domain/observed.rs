//! What was measured of a running application, and the application with that in the place of what was declared.
//!
//! The form of the file that `plan --observed` reads; checked in `validate`. Knows no cluster and no plan.

use super::{Origin, Sourced, ValidApp};
use crate::api::RangedField;

/// Figures of one measurement, in the units of their fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The application that was measured, where it is named.
    pub app: Option<String>,
    /// Day and time of the measurement, as it was written.
    pub measured_at: String,
    /// How long it took, as it was written.
    pub window: String,
    /// Requests a second at peak.
    pub peak_requests_per_second: Option<f64>,
    /// Unit costs of the profile, in the order of the API.
    pub unit_costs: Vec<(RangedField, f64)>,
    /// Share of the reads that the cache answered, in [0, 1].
    pub cache_hit: Option<f64>,
    /// Share of its requests that the proxy answered, in [0, 1].
    pub proxy_hit: Option<f64>,
}

/// One of the figures that a measurement may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedField {
    /// Requests a second at peak.
    PeakRequestsPerSecond,
    /// A unit cost of the profile.
    Profile(RangedField),
    /// Share of the reads that the cache answers.
    CacheHitPercent,
    /// Share of its requests that the proxy answers.
    ProxyHitPercent,
}

/// Figures of a running application that no field of the spec declares. No field of the spec: empty, unless somebody
/// measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Requests a second at peak.
    pub peak_requests_per_second: Option<Sourced<f64>>,
    /// Share of the reads that the cache answers, in [0, 1].
    pub cache_hit: Option<Sourced<f64>>,
    /// Share of its requests that the proxy answers, in [0, 1].
    pub proxy_hit: Option<Sourced<f64>>,
}

impl Observed {
    /// All figures that there are.
    #[must_use]
    pub fn figures(&self) -> Vec<(ObservedField, f64)> {
        let one = |field, value: Option<f64>| value.map(|value| (field, value));
        one(ObservedField::PeakRequestsPerSecond, self.peak_requests_per_second)
            .into_iter()
            .chain(self.unit_costs.iter().map(|(field, value)| (ObservedField::Profile(*field), *value)))
            .chain(one(ObservedField::CacheHitPercent, self.cache_hit))
            .chain(one(ObservedField::ProxyHitPercent, self.proxy_hit))
            .collect()
    }

    /// The source of each figure.
    #[must_use]
    pub fn source(&self) -> String {
        format!("measured {} over {}", self.measured_at, self.window)
    }

    /// The application with all figures in their places.
    #[must_use]
    pub fn applied(&self, app: &ValidApp) -> ValidApp {
        let mut applied = app.clone();
        // The CPU time first: a default service time follows it, unless that was measured too.
        self.figures().into_iter().for_each(|(field, value)| self.put(&mut applied, field, value));
        applied
    }

    /// The application with one of the figures in its place.
    #[must_use]
    pub fn applied_alone(&self, app: &ValidApp, field: ObservedField, value: f64) -> ValidApp {
        let mut applied = app.clone();
        self.put(&mut applied, field, value);
        applied
    }

    fn put(&self, app: &mut ValidApp, field: ObservedField, value: f64) {
        let origin = Origin::Measured(self.source());
        let measured = Some(Sourced { value, origin: origin.clone() });
        match field {
            ObservedField::Profile(field) => {
                app.profile.set_unit_cost(field, value);
                *app.profile.unit_cost_origin_mut(field) = origin;
            }
            ObservedField::PeakRequestsPerSecond => app.measured.peak_requests_per_second = measured,
            ObservedField::CacheHitPercent => app.measured.cache_hit = measured,
            ObservedField::ProxyHitPercent => app.measured.proxy_hit = measured,
        }
    }
}
