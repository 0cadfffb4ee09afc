//! What was observed of a database. Plain facts; what they mean is decided elsewhere.

use std::net::IpAddr;

use serde_json::Value;

/// Replication further behind than this is not "following" when a restart is weighed.
pub(super) const CAUGHT_UP_BYTES: u64 = 16 << 20;

/// The facts of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseState {
    /// Whether the `StatefulSet`'s controller has seen its newest generation.
    pub settled: bool,
    /// Members that the `StatefulSet` asks for.
    pub replicas: u32,
    /// Revision that pods should have.
    pub update_revision: String,
    /// The members that have a pod, by ordinal.
    pub members: Vec<Member>,
    /// Patroni's dynamic configuration, where a member told it.
    pub config: Option<Value>,
    /// Addresses of the pools' pods.
    pub pools: Vec<IpAddr>,
    /// Whether the pools' pods are being replaced: one that leaves takes no pause, and one that comes knows no member yet.
    pub pools_roll: bool,
}

/// One member.
#[allow(clippy::struct_excessive_bools)] // independent facts, as Kubernetes tells them
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Name of its pod.
    pub name: String,
    /// Uid of its pod.
    pub uid: String,
    /// Its number.
    pub ordinal: u32,
    /// Address of its pod.
    pub ip: Option<IpAddr>,
    /// Revision of its pod.
    pub revision: String,
    /// Whether the kubelet calls the pod ready.
    pub ready: bool,
    /// Whether the pod is being deleted.
    pub terminating: bool,
    /// Whether its database container runs.
    pub running: bool,
    /// Whether its token is void: the account was deleted and made anew after the pod, and the API server refuses
    /// tokens of the old one, so the member can neither hold the leader lock nor take it.
    pub token_void: bool,
    /// What its Patroni says; `None` when it did not answer.
    pub report: Option<Report>,
}

/// The role of a member by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Follows.
    Replica,
}

/// What a member's Patroni says.
#[allow(clippy::struct_excessive_bools)] // independent facts, as Patroni names them
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its role.
    pub role: Role,
    /// Whether `PostgreSQL` runs and takes connections.
    pub running: bool,
    /// Whether it streams from the primary.
    pub streaming: bool,
    /// Whether acknowledged writes are known to be here.
    pub synchronous: bool,
    /// Its timeline.
    pub timeline: u64,
    /// Written, or replayed, log position in bytes.
    pub position: u64,
    /// Whether a changed parameter waits for a restart.
    pub pending_restart: bool,
    /// Whether the API is lost and the primary lives by the members' word.
    pub failsafe: bool,
}

impl Report {
    /// From the answer of `GET /patroni`; `None` when it is none.
    #[must_use]
    pub fn parse(answer: &Value) -> Option<Self> {
        let flag = |key: &str| answer[key].as_bool().unwrap_or(false);
        let role = match answer["role"].as_str()? {
            "primary" | "master" => Role::Primary,
            _ => Role::Replica,
        };
        let log = &answer["xlog"];
        let position = match role {
            Role::Primary => &log["location"],
            Role::Replica => &log["replayed_location"],
        };
        Some(Self {
            role,
            running: answer["state"] == "running",
            streaming: answer["replication_state"] == "streaming",
            synchronous: flag("sync_standby"),
            timeline: answer["timeline"].as_u64().unwrap_or(0),
            position: position.as_u64().unwrap_or(0),
            pending_restart: flag("pending_restart"),
            failsafe: flag("failsafe_mode_is_active"),
        })
    }
}

impl Member {
    fn says(&self, role: Role) -> Option<&Report> {
        self.report.as_ref().filter(|report| report.role == role && !self.terminating)
    }

    /// Whether it follows a primary closely.
    #[must_use]
    pub fn follows(&self, primary: &Report) -> bool {
        self.says(Role::Replica).is_some_and(|report| {
            report.running
                && report.streaming
                && report.timeline == primary.timeline
                && primary.position.saturating_sub(report.position) <= CAUGHT_UP_BYTES
        })
    }

    /// Bytes that it is behind a primary.
    #[must_use]
    pub fn lag(&self, primary: &Report) -> Option<u64> {
        self.says(Role::Replica).map(|report| primary.position.saturating_sub(report.position))
    }
}

impl DatabaseState {
    /// The primary, when exactly one member says that it is one and runs.
    #[must_use]
    pub fn primary(&self) -> Option<(&Member, &Report)> {
        let mut primaries = self
            .members
            .iter()
            .filter_map(|member| member.says(Role::Primary).filter(|report| report.running).map(|r| (member, r)));
        let first = primaries.next()?;
        primaries.next().is_none().then_some(first)
    }

    /// The members that follow the primary closely.
    #[must_use]
    pub fn followers(&self) -> Vec<&Member> {
        let Some((_, primary)) = self.primary() else { return Vec::new() };
        self.members.iter().filter(|member| member.follows(primary)).collect()
    }

    /// The synchronous standby that follows.
    #[must_use]
    pub fn synchronous_standby(&self) -> Option<&Member> {
        self.followers().into_iter().find(|member| member.report.is_some_and(|report| report.synchronous))
    }

    /// Whether Patroni replicates synchronously.
    #[must_use]
    pub fn is_synchronous(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config["synchronous_mode"] == true)
    }
}
