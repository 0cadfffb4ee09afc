//! The tiers that the owner declares.

use super::Problem;
use super::checker::{Checker, is_subdomain};
use crate::api::Database;
use crate::domain::{Bytes, Millis, ValidDatabase, ValidDatabasePin, defaults};

/// A database with its defaults, also one of an earlier spec that is to be kept.
///
/// # Errors
/// What is wrong with it.
pub fn database(declared: &Database) -> Result<ValidDatabase, Vec<Problem>> {
    let mut check = Checker::default();
    let database = checked_database(&mut check, declared);
    check.finish(database)
}

pub(super) fn checked_database(check: &mut Checker, declared: &Database) -> ValidDatabase {
    let version = i64::from(defaults::POSTGRES_VERSION);
    if let Some(other) = declared.version.filter(|v| i64::from(*v) != version) {
        check.report(
            "spec.database.version",
            format!("is {other}"),
            format!("write {version}, the one version there is"),
        );
    }
    let storage_class = declared.storage.as_ref().and_then(|s| s.class_name.clone());
    if let Some(class) = storage_class.as_deref().filter(|class| !is_subdomain(class)) {
        check.report(
            "spec.database.storage.className",
            format!("is {class:?}"),
            "write the name of a StorageClass, or leave it out",
        );
    }
    let lag = declared.reads.as_ref().and_then(|r| r.max_lag.as_ref());
    let max_lag = check.duration("spec.database.reads.maxLag", lag, Millis::seconds(1)..=Millis::seconds(3600));
    let pin = declared.pin.clone().unwrap_or_default();
    let members = check.integer("spec.database.pin.members", pin.members, 1..=7);
    if members == Some(2) {
        check.report(
            "spec.database.pin.members",
            "is 2, and two members cannot lose one without stopping",
            "write 1 or 3",
        );
    }
    ValidDatabase {
        present: 0,
        version: defaults::POSTGRES_VERSION,
        durability: declared.durability.unwrap_or_default(),
        pooling: declared.pooling.unwrap_or_default(),
        max_lag: defaults::MAX_LAG.or(max_lag),
        storage_class,
        pin: ValidDatabasePin {
            members: members.map(|count| count as u32),
            cpu: check.cpu("spec.database.pin.cpu", pin.cpu.as_ref()),
            memory: check.bytes("spec.database.pin.memory", pin.memory.as_ref(), Bytes::mib(192)..=Bytes::gib(4096)),
            storage: check.bytes(
                "spec.database.pin.storage",
                pin.storage.as_ref(),
                Bytes::gib(1)..=Bytes::gib(64 << 10),
            ),
        },
    }
}
