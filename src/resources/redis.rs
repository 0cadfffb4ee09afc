//! Cache and session store: members of Redis, with a Sentinel in each pod where there are three, behind routers that
//! follow the master.
//!
//! Must never need the operator in a failover, and must never change a member's address when the tier grows.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, PersistentVolumeClaimSpec, Secret, Service, ServicePort, ServiceSpec,
    VolumeResourceRequirements,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{Part, hash};
use super::router::Router;
use super::{Context, DesiredSet, Stage, bindings, names, network, redis_config, redis_pod, redis_router};
use crate::api::DeletionPolicy;
use crate::planner::{RedisSettings, Tier, TierPlan, TierSettings};

/// Port of Redis.
pub const PORT: u16 = 6379;
/// Port of Sentinel.
pub const SENTINEL_PORT: u16 = 26379;
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
    let config = config_map(context, &store);
    let secret = secret(context, &store);
    set.add_some(Stage::Foundation, secret.as_ref());
    set.add(Stage::Foundation, &policy(context, &store));
    set.add(Stage::Foundation, &headless(context, &store));
    for ordinal in 0..store.slots() {
        set.add(Stage::Foundation, &member_service(context, &store, ordinal));
    }
    set.add_some(Stage::Foundation, disruption_budget(context, &store).as_ref());
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
const MONITOR_KEY: &str = "monitor-password";

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
    let ingress = vec![network::from(Some(vec![network::components(context, &callers)]), &ports)];
    let egress = vec![network::to(Some(vec![network::components(context, &[own])]), &ports), network::to_dns()];
    network::policy(context, &store.part(), names::engine(&context.app.name, store.tier), ingress, Some(egress))
}

fn service_port(name: &str, port: u16, target: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        target_port: Some(IntOrString::Int(i32::from(target))),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

fn headless(context: &Context<'_>, store: &Store<'_>) -> Service {
    Service {
        metadata: store.part().meta(context.app, names::engine_members(&context.app.name, store.tier)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            selector: Some(store.part().selector(context.app)),
            publish_not_ready_addresses: Some(true),
            ports: Some(vec![
                service_port("redis", PORT, PORT),
                service_port("sentinel", SENTINEL_PORT, SENTINEL_PORT),
            ]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The address by which members know each other: it outlives pods, so nobody needs DNS in a failover.
fn member_service(context: &Context<'_>, store: &Store<'_>, ordinal: u32) -> Service {
    let name = names::engine_member(&context.app.name, store.tier, ordinal);
    let mut selector = store.part().selector(context.app);
    selector.insert("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
    let announced = ANNOUNCED_PORT + u16::try_from(ordinal).unwrap_or_default();
    Service {
        metadata: store.part().meta(context.app, name),
        spec: Some(ServiceSpec {
            selector: Some(selector),
            publish_not_ready_addresses: Some(true),
            ports: Some(vec![
                service_port("redis", PORT, PORT),
                service_port("announced", announced, PORT),
                service_port("sentinel", SENTINEL_PORT, SENTINEL_PORT),
            ]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// One member at a time may leave. A single member has no budget: it would block every drain.
fn disruption_budget(context: &Context<'_>, store: &Store<'_>) -> Option<PodDisruptionBudget> {
    (store.members() >= 2).then(|| PodDisruptionBudget {
        metadata: store.part().meta(context.app, names::engine(&context.app.name, store.tier)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(store.part().label_selector(context.app)),
            unhealthy_pod_eviction_policy: Some("IfHealthyBudget".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

fn stateful_set(context: &Context<'_>, store: &Store<'_>, config: &ConfigMap, secret: Option<&Secret>) -> StatefulSet {
    let app = context.app;
    let when_deleted = match app.deletion_policy {
        DeletionPolicy::Retain => "Retain",
        DeletionPolicy::Delete => "Delete",
    };
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
            persistent_volume_claim_retention_policy: store.settings.persistent.then(|| {
                StatefulSetPersistentVolumeClaimRetentionPolicy {
                    when_deleted: Some(when_deleted.to_owned()),
                    when_scaled: Some("Retain".to_owned()),
                }
            }),
            revision_history_limit: Some(5),
            template: redis_pod::template(context, store, hash(texts)),
            volume_claim_templates: store.settings.persistent.then(|| vec![claim(context, store)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn claim(context: &Context<'_>, store: &Store<'_>) -> PersistentVolumeClaim {
    let storage = Quantity(store.settings.redis.storage.quantity());
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(redis_pod::DATA.to_owned()),
            labels: Some(store.part().labels(context.app)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: context.environment.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
