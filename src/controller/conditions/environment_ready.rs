//! `EnvironmentReady`: the namespace and the cluster have all that the plan needs.

use super::super::preflight;
use super::{Facts, Verdict};

/// They have.
pub const COMPLETE: &str = "Complete";
/// They lack something; the message lists all of it.
pub const LACKING: &str = "Lacking";
/// Nobody looked yet.
pub const NOT_CHECKED: &str = "NotChecked";

pub(super) fn condition(facts: &Facts) -> Verdict {
    match &facts.lacks {
        None => Verdict::unknown(NOT_CHECKED, ""),
        Some(lacks) if lacks.is_empty() => Verdict::yes(COMPLETE, ""),
        Some(lacks) => Verdict::no(LACKING, preflight::sentences(lacks)),
    }
}
