//! `Stalled`: nothing will go on without a change by somebody. It holds every permanent error.

use super::super::error::Class;
use super::{Facts, Verdict, join};

/// Nothing stands still.
pub const PROGRESSING: &str = "Progressing";

pub(super) fn condition(facts: &Facts) -> Verdict {
    let permanent: Vec<_> =
        facts.refusal.iter().chain(&facts.troubles).filter(|trouble| trouble.class == Class::Permanent).collect();
    match permanent.first() {
        Some(first) => Verdict::yes(first.reason, join(permanent.iter().map(|t| t.message.clone()))),
        None => Verdict::no(PROGRESSING, ""),
    }
}
