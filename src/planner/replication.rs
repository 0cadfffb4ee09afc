//! What the database's members write: log, operations of their volumes, and whether replicas follow.
//!
//! A replica replays in one process, so it falls behind by bytes of log, however many cores it has.
//! Nothing here chooses a size; what one primary and its volume cannot bear is said.

use super::packing::{Context, figure};
use super::plan::{Finding, FindingKind, Reason, Severity};

/// What writing costs at peak, three months ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replication {
    /// Log of the primary in bytes a second.
    pub log: f64,
    /// The same just after a checkpoint, when each write changes a page for the first time.
    pub burst: f64,
    /// Streams from the primary.
    pub replicas: u32,
    /// Reads a second that the primary answers.
    pub reads: f64,
    /// Operations a second of the primary's volume.
    pub operations: f64,
}

/// The log and the operations of so many members, of which the primary answers `primary_reads` a second.
#[must_use]
pub fn replication(ctx: &Context<'_>, members: u32, primary_reads: f64) -> Replication {
    let catalogue = ctx.catalogue;
    let writes = ctx.demands.soon.writes;
    let log = writes * catalogue.wal_bytes_per_write.value;
    Replication {
        log,
        burst: log + writes * catalogue.wal_page_bytes.value,
        replicas: members.saturating_sub(1),
        reads: primary_reads,
        operations: writes * catalogue.volume_operations_per_write.value
            + primary_reads * catalogue.volume_operations_per_read.value,
    }
}

impl Replication {
    /// Megabits a second that the primary sends to its replicas.
    #[must_use]
    pub fn megabits(&self) -> f64 {
        self.log * f64::from(self.replicas) * 8.0 / 1e6
    }

    /// Seconds until a replica that a query held up for so long has caught up; none where it never does.
    #[must_use]
    pub fn catch_up_seconds(&self, pause_seconds: f64, replay: f64) -> Option<f64> {
        (self.log < replay).then(|| self.log * pause_seconds / (replay - self.log))
    }

    /// Why the members' traffic and their volumes' operations are what they are.
    #[must_use]
    pub fn reasons(&self, ctx: &Context<'_>) -> Vec<Reason> {
        let catalogue = ctx.catalogue;
        let mut reasons = vec![
            Reason::new(
                "requirement.volumeOperationsPerSecond",
                figure(self.operations),
                "writes * operationsPerWrite + primaryReads * operationsPerRead",
                catalogue.volume_operations_per_write.because(),
            )
            .with("writes", figure(ctx.demands.soon.writes))
            .with("operationsPerWrite", catalogue.volume_operations_per_write.value)
            .with("primaryReads", figure(self.reads))
            .with("operationsPerRead", catalogue.volume_operations_per_read.value),
            Reason::new(
                "logBytesPerSecond",
                figure(self.log),
                "writes * logBytesPerWrite",
                catalogue.wal_bytes_per_write.because(),
            )
            .with("writes", figure(ctx.demands.soon.writes))
            .with("logBytesPerWrite", catalogue.wal_bytes_per_write.value)
            .with("afterCheckpoint", figure(self.burst)),
        ];
        if self.replicas > 0 {
            let (pause, replay) = (catalogue.replay_pause_seconds.value, catalogue.replay_bytes_per_second.value);
            let seconds = self.catch_up_seconds(pause, replay);
            reasons.push(
                Reason::new(
                    "requirement.networkMegabitsPerSecond",
                    figure(self.megabits()),
                    "logBytesPerSecond * replicas * 8 / 1000000",
                    "each replica streams the whole log from the primary",
                )
                .with("logBytesPerSecond", figure(self.log))
                .with("replicas", self.replicas),
            );
            reasons.push(
                Reason::new(
                    "replicaCatchUpSeconds",
                    seconds.map_or_else(|| "never".to_owned(), figure),
                    "logBytesPerSecond * pauseSeconds / (replayBytesPerSecond - logBytesPerSecond)",
                    catalogue.replay_bytes_per_second.because(),
                )
                .with("logBytesPerSecond", figure(self.log))
                .with("pauseSeconds", pause)
                .with("replayBytesPerSecond", replay),
            );
        }
        reasons
    }

    /// What replicas or volumes cannot bear.
    pub fn check(&self, ctx: &Context<'_>, findings: &mut Vec<Finding>) {
        self.check_replay(ctx, findings);
        let (usual, most) = (ctx.catalogue.volume_operations_usual.value, ctx.catalogue.volume_operations_most.value);
        let ceiling = ctx.catalogue.utilisation_ceiling.value;
        if self.operations > most {
            findings.push(Finding::new(
                Severity::Error,
                FindingKind::WritesAboveOnePrimary,
                "spec.targets",
                format!(
                    "The primary's volume would do {} operations a second, and the fastest do {most:.0}: lower the load, spec.profile.queriesPerRequest or the share of writes.",
                    figure(self.operations)
                ),
            ));
        } else if self.operations > usual * ceiling {
            let named = ctx.app.database.as_ref().is_some_and(|database| database.storage_class.is_some());
            findings.push(Finding::new(
                if named { Severity::Info } else { Severity::Warning },
                FindingKind::VolumeTooSlow,
                "spec.database.storage.className",
                format!(
                    "The primary's volume does {} operations a second, above {:.0} % of the {usual:.0} that usual network volumes give: {} class of faster volumes.",
                    figure(self.operations),
                    ceiling * 100.0,
                    if named { "make sure that the one named here is a" } else { "name a" }
                ),
            ));
        }
    }

    fn check_replay(&self, ctx: &Context<'_>, findings: &mut Vec<Finding>) {
        let replay = ctx.catalogue.replay_bytes_per_second.value;
        if self.replicas == 0 || self.burst <= replay {
            return;
        }
        let (severity, what) = if self.log >= replay {
            (Severity::Error, "never catch up")
        } else {
            (Severity::Warning, "fall behind after each checkpoint and catch up later")
        };
        findings.push(Finding::new(
            severity,
            FindingKind::ReplicasFallBehind,
            "spec.profile.readPercent",
            format!(
                "Writes make {} MB of log a second, {} just after a checkpoint, and a replica replays {}: replicas {what}, and one above spec.database.reads.maxLag answers no reads. Write less for each request, or raise readPercent if more of the queries read.",
                figure(self.log / 1e6),
                figure(self.burst / 1e6),
                figure(replay / 1e6)
            ),
        ));
    }
}
