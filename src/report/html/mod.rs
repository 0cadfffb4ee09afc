//! The plan as one page for a browser: what was asked, what it takes, the drawing, the ladder, the climb, every reason.
//!
//! Whole in itself: no script, nothing from elsewhere, the same bytes for the same plan. Sizes nothing and asks nobody.

mod assumptions;
mod charts;
mod climb;
mod drawing;
mod page;
mod words;

use crate::api::ProposedChange;
use crate::domain::ValidApp;
use crate::planner::climb::Climb;
use crate::planner::{Finding, Plan};

pub use climb::steps_of;
pub use page::html_report;

/// One application of a report.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The application and its plan; nothing when the spec is no good.
    pub planned: Option<(&'a ValidApp, &'a Plan)>,
    /// What the owner should know, worst first.
    pub findings: &'a [Finding],
    /// Changes against the recorded plan.
    pub changes: &'a [ProposedChange],
    /// The plans of other loads, those of [`steps_of`]; nothing when there are none.
    pub climb: Option<&'a Climb>,
}

/// Why there is no report.
#[derive(thiserror::Error, Debug)]
pub enum ReportError {
    /// A chart could not be drawn.
    #[error("a chart of the report could not be drawn: {0}")]
    Chart(String),
    /// The page could not be written.
    #[error("the report could not be written: {0}")]
    Page(#[from] askama::Error),
}
