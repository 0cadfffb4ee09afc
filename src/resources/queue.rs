//! The message queue: members of `RabbitMQ`, each queue on a majority of them, behind routers that check who serves.
//!
//! Must never let a confirmed message depend on one node where there are three, never delete a queue, and never make
//! anything that a client does wait for the operator.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServicePort};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::meta::{Part, hash};
use super::router::Router;
use super::{Context, DesiredSet, Stage, disruption, members, names, network, queue_config, queue_pod};
use crate::planner::{QueueSettings, Tier, TierPlan, TierSettings};

/// The queue as part of an application.
pub const PART: Part<'static> = Part { component: "queue", name: "rabbitmq", service: None };

/// Members for which Services and places in the routers exist whatever the plan says, so that growing from one to
/// three changes no name.
const LEAST_SLOTS: u32 = 3;
/// Ports of a member: clients (the only one of its own Service), management, metrics, the members' own talk, and where they ask for its port.
const PORTS: [(&str, u16); 5] =
    [("amqp", 5672), ("management", 15672), ("metrics", 15692), ("distribution", 25672), ("mapper", 4369)];

fn planned<'a>(context: &Context<'a>) -> Option<(&'a TierPlan, &'a QueueSettings)> {
    context.app.queue.as_ref()?;
    let tier = context.plan.tier(Tier::Queue)?;
    match &tier.settings {
        TierSettings::Queue(settings) => Some((tier, settings)),
        _ => None,
    }
}

/// Adds the queue's objects.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some((tier, settings)) = planned(context) else { return };
    let (app, members) = (&context.app.name, tier.replicas.max);
    let slots = members.max(LEAST_SLOTS);
    let config = config_map(context, settings, members);
    set.add_some(Stage::Foundation, secret(context).as_ref());
    set.add(Stage::Foundation, &policy(context));
    set.add(
        Stage::Foundation,
        &members::headless(context, &PART, names::engine_members(app, Tier::Queue), ports(&PORTS)),
    );
    for ordinal in 0..slots {
        let name = names::engine_member(app, Tier::Queue, ordinal);
        set.add(Stage::Foundation, &members::member_service(context, &PART, name, ports(&PORTS[..1])));
    }
    set.add_some(
        Stage::Foundation,
        disruption::members(context, &PART, names::engine(app, Tier::Queue), members).as_ref(),
    );
    set.add(Stage::Foundation, &stateful_set(context, tier, &queue_config::server(settings)));
    set.add(Stage::Foundation, &config);
    let router = Router {
        tier: Tier::Queue,
        port: 5672,
        protocol: "amqp",
        member_ports: &[5672],
        config: queue_config::router(context, settings, slots),
        env: Vec::new(),
        replicas: settings.router_replicas,
        size: settings.router,
    };
    router.build(context, set);
}

fn config_map(context: &Context<'_>, settings: &QueueSettings, members: u32) -> ConfigMap {
    ConfigMap {
        metadata: PART.meta(context.app, names::engine(&context.app.name, Tier::Queue)),
        data: Some(BTreeMap::from([
            ("rabbitmq.conf".to_owned(), queue_config::server(settings)),
            // Read by each member when it starts, and before it stops.
            ("members".to_owned(), format!("{members}\n")),
        ])),
        ..ConfigMap::default()
    }
}

/// The definitions, and the generated values once more: a generated Secret that somebody deleted comes back the same.
fn secret(context: &Context<'_>) -> Option<Secret> {
    let passwords = context.passwords(Tier::Queue)?;
    let definitions = format!("{:#}\n", queue_config::definitions(context.app, passwords));
    let mut data: BTreeMap<String, ByteString> =
        passwords.data().into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect();
    data.insert("definitions.json".to_owned(), ByteString(definitions.into_bytes()));
    Some(Secret {
        metadata: PART.meta(context.app, names::engine_config(&context.app.name, Tier::Queue)),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    })
}

/// Clients come by the routers, members talk to each other, the operator manages.
fn policy(context: &Context<'_>) -> NetworkPolicy {
    let members = || Some(vec![network::components(context, &[PART.component])]);
    let among = [5672, 25672, 4369];
    let routers = Tier::Queue.router_component().unwrap_or_default();
    let mut ingress = vec![
        network::from(Some(vec![network::components(context, &[routers])]), &[5672]),
        network::from(members(), &among),
        network::from(Some(vec![network::operator()]), &[15672]),
    ];
    ingress.extend(network::metrics(context, &[15692]));
    let egress = vec![network::to(members(), &among), network::to_dns()];
    network::policy(context, &PART, names::engine(&context.app.name, Tier::Queue), ingress, Some(egress))
}

fn ports(ports: &[(&str, u16)]) -> Vec<ServicePort> {
    ports.iter().map(|(name, port)| members::same_port(name, *port)).collect()
}

fn stateful_set(context: &Context<'_>, tier: &TierPlan, server: &str) -> StatefulSet {
    let app = context.app;
    StatefulSet {
        metadata: PART.meta(app, names::engine(&app.name, Tier::Queue)),
        spec: Some(StatefulSetSpec {
            replicas: Some(tier.replicas.max.cast_signed()),
            service_name: Some(names::engine_members(&app.name, Tier::Queue)),
            selector: PART.label_selector(app),
            // Members wait for each other when they start, so none may wait to be started.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(members::retention(context)),
            revision_history_limit: Some(5),
            template: queue_pod::template(context, tier, hash([server])),
            volume_claim_templates: Some(vec![members::claim(context, &PART, None, tier.per_replica.storage)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
