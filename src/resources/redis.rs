//! Cache and session store: members of Redis, with a Sentinel in each pod where there are three, behind routers that
//! follow the master.
//!
//! Must never need the operator in a failover, and must never change a member's address when the tier grows.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServicePort};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{Part, hash};
use super::router::Router;
use super::{
    Context, DesiredSet, Stage, bindings, disruption, members, names, network, redis_config, redis_pod, redis_router,
};
use crate::planner::{RedisSettings, Tier, TierPlan, TierSettings};

/// Port of Redis.
pub const PORT: u16 = 6379;
/// Port of Sentinel.
pub const SENTINEL_PORT: u16 = 26379;
/// Port of a member for its figures.
pub const METRICS_PORT: u16 = 9121;
/// A member announces this port plus its ordinal; its Service maps it. So whoever names a master names a member, and
/// the routers need not know addresses.
pub const ANNOUNCED_PORT: u16 = 16379;
/// Members for which Services exist whatever the plan says: growing from one to three then changes no address.
pub const LEAST_SLOTS: u32 = 3;

/// A cache or a session store as it is planned.
#[derive(Clone, Copy)]
pub(super) struct Store<'a> {
    pub tier: Tier,
    pub plan: &'a TierPlan,
    pub settings: &'a RedisSettings,
}

impl<'a> Store<'a> {
    fn planned(context: &Context<'a>, tier: Tier) -> Option<Self> {
        let plan = context.plan.tier(tier)?;
        match &plan.settings {
            TierSettings::Redis(settings) => Some(Self { tier, plan, settings }),
            _ => None,
        }
    }

    pub fn part(&self) -> Part<'static> {
        Part { component: self.tier.component(), name: "redis", service: None }
    }

    pub fn members(&self) -> u32 {
        self.plan.replicas.max
    }

    /// Ordinals that have a Service.
    pub fn slots(&self) -> u32 {
        self.members().max(LEAST_SLOTS)
    }
}

/// Adds the objects of a cache or of a session store, where there is one.
pub fn build(context: &Context<'_>, tier: Tier, set: &mut DesiredSet) {
    let Some(store) = Store::planned(context, tier) else { return };
    let (app, part) = (&context.app.name, store.part());
    let config = config_map(context, &store);
    let secret = secret(context, &store);
    set.add_some(Stage::Foundation, secret.as_ref());
    set.add(Stage::Foundation, &policy(context, &store));
    set.add(Stage::Foundation, &members::headless(context, &part, names::engine_members(app, tier), ports()));
    for ordinal in 0..store.slots() {
        let name = names::engine_member(app, tier, ordinal);
        set.add(Stage::Foundation, &members::member_service(context, &part, name, member_ports(ordinal)));
    }
    set.add_some(
        Stage::Foundation,
        disruption::members(context, &part, names::engine(app, tier), store.members()).as_ref(),
    );
    set.add(Stage::Foundation, &stateful_set(context, &store, &config, secret.as_ref()));
    set.add(Stage::Foundation, &config);
    let router = Router {
        tier,
        port: PORT,
        protocol: "redis",
        member_ports: if store.settings.sentinel { &[PORT, SENTINEL_PORT] } else { &[PORT] },
        config: redis_router::config(context, &store),
        env: vec![bindings::from_secret("MONITOR_PASSWORD", names::engine_auth(&context.app.name, tier), MONITOR_KEY)],
        replicas: store.settings.router_replicas,
        size: store.settings.router,
    };
    router.build(context, set);
}

/// Key of the password with which routers ask who leads.
pub(super) const MONITOR_KEY: &str = "monitor-password";

fn config_map(context: &Context<'_>, store: &Store<'_>) -> ConfigMap {
    ConfigMap {
        metadata: store.part().meta(context.app, names::engine(&context.app.name, store.tier)),
        data: Some(BTreeMap::from([
            ("redis.conf".to_owned(), redis_config::redis(store)),
            ("sentinel.conf".to_owned(), redis_config::sentinel()),
            ("monitor.conf".to_owned(), redis_config::monitor()),
        ])),
        ..ConfigMap::default()
    }
}

/// Who may do what, by hashes of the passwords; and the passwords once more, so that a generated Secret that was
/// deleted comes back with the same ones.
fn secret(context: &Context<'_>, store: &Store<'_>) -> Option<Secret> {
    let passwords = context.passwords(store.tier)?;
    let mut data = passwords.data();
    data.insert("users.acl".to_owned(), redis_config::users(passwords, store.tier));
    data.insert("sentinel-users.acl".to_owned(), redis_config::sentinel_users(passwords));
    Some(Secret {
        metadata: store.part().meta(context.app, names::engine_config(&context.app.name, store.tier)),
        type_: Some("Opaque".to_owned()),
        data: Some(data.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect()),
        ..Secret::default()
    })
}

/// The routers are the only way in; members follow and watch each other.
fn policy(context: &Context<'_>, store: &Store<'_>) -> NetworkPolicy {
    let own = store.tier.component();
    let callers: Vec<&str> = store.tier.router_component().into_iter().chain([own]).collect();
    let ports = [PORT, SENTINEL_PORT];
    let mut ingress = vec![network::from(Some(vec![network::components(context, &callers)]), &ports)];
    ingress.extend(network::metrics(context, &[METRICS_PORT]));
    let egress = vec![network::to(Some(vec![network::components(context, &[own])]), &ports), network::to_dns()];
    network::policy(context, &store.part(), names::engine(&context.app.name, store.tier), ingress, Some(egress))
}

/// Ports of all members.
fn ports() -> Vec<ServicePort> {
    vec![members::same_port("redis", PORT), members::same_port("sentinel", SENTINEL_PORT)]
}

/// Ports of one member's Service, by which the members know each other.
fn member_ports(ordinal: u32) -> Vec<ServicePort> {
    let announced = ANNOUNCED_PORT + u16::try_from(ordinal).unwrap_or_default();
    let mut ports = ports();
    ports.insert(1, members::service_port("announced", announced, IntOrString::Int(i32::from(PORT))));
    ports
}

fn stateful_set(context: &Context<'_>, store: &Store<'_>, config: &ConfigMap, secret: Option<&Secret>) -> StatefulSet {
    let (app, persistent) = (context.app, store.settings.persistent);
    // What a member reads at its start. Hashes of passwords are in it where they are known.
    let users = secret.and_then(|secret| secret.data.as_ref()?.get("users.acl"));
    let users = users.map(|ByteString(bytes)| String::from_utf8_lossy(bytes));
    let texts = config.data.iter().flatten().map(|(_, text)| text.as_str()).chain(users.as_deref());
    StatefulSet {
        metadata: store.part().meta(app, names::engine(&app.name, store.tier)),
        spec: Some(StatefulSetSpec {
            replicas: Some(store.members().cast_signed()),
            service_name: Some(names::engine_members(&app.name, store.tier)),
            selector: store.part().label_selector(app),
            pod_management_policy: Some("Parallel".to_owned()),
            // One after the other, the next when the last has all data again; a master hands over before it stops.
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: persistent.then(|| members::retention(context)),
            revision_history_limit: Some(5),
            template: redis_pod::template(context, store, hash(texts)),
            volume_claim_templates: persistent
                .then(|| vec![members::claim(context, &store.part(), None, store.settings.redis.storage)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
