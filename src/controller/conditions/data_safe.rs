//! `DataSafe`: every acknowledged write survives what the declared durability covers. The engine
//! knows, its reasons are its own; absent without a database.

use super::{Facts, Verdict};

pub(super) fn condition(facts: &Facts) -> Option<Verdict> {
    let safety = &facts.database.as_ref()?.safety;
    Some(Verdict { status: safety.status, reason: safety.reason, message: safety.message.clone() })
}
