//! The database: members of `PostgreSQL` under Patroni, which alone decides who is primary.
//!
//! Must never restart a member by itself (`OnDelete`: the engine does it behind a switchover), and
//! must never make a failover depend on anything that the operator writes.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount, ServicePort};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::meta::{Part, hash};
use super::{Context, Stage, database_config, database_network, database_pod, disruption, members, names};
use crate::planner::{DatabaseSettings, Tier, TierPlan, TierSettings};
use crate::resources::DesiredSet;

/// The database as part of an application.
pub const PART: Part<'static> = Part { component: "database", name: "postgresql", service: None };

/// Members for which services, rights and router slots exist whatever the plan says, so that
/// growing from one to three touches neither the pool nor the running member.
pub const LEAST_SLOTS: u32 = 3;

/// The plan of the database and its settings; `None` without one.
pub(super) fn planned<'a>(context: &Context<'a>) -> Option<(&'a TierPlan, &'a DatabaseSettings)> {
    context.app.database.as_ref()?;
    let tier = context.plan.tier(Tier::Database)?;
    match &tier.settings {
        TierSettings::Database(settings) => Some((tier, settings)),
        _ => None,
    }
}

/// Ordinals that have a Service and a slot in the routers.
#[must_use]
pub fn slots(members: u32) -> u32 {
    members.max(LEAST_SLOTS)
}

/// Adds the database's objects.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some((tier, settings)) = planned(context) else { return };
    let (app, members) = (&context.app.name, tier.replicas.max);
    set.add(Stage::Foundation, &account(context));
    set.add(Stage::Foundation, &role(context, members));
    set.add(Stage::Foundation, &role_binding(context));
    set.add(Stage::Foundation, &config_map(context, settings, members));
    set.add(Stage::Foundation, &database_network::policy(context));
    set.add(Stage::Foundation, &members::headless(context, &PART, names::database_members(app), ports()));
    for ordinal in 0..slots(members) {
        let name = names::database_member(app, ordinal);
        set.add(Stage::Foundation, &members::member_service(context, &PART, name, ports()));
    }
    set.add_some(Stage::Foundation, disruption::members(context, &PART, names::database(app), members).as_ref());
    set.add(Stage::Foundation, &stateful_set(context, tier, settings));
}

fn account(context: &Context<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: PART.meta(context.app, names::database(&context.app.name)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Patroni's rights. `list`, `watch` and `create` cannot be limited to names; everything else is.
fn role(context: &Context<'_>, members: u32) -> Role {
    let app = &context.app.name;
    let rule = |resource: &str, verbs: &[&str], names: Option<Vec<String>>| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: names,
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let pods = (0..slots(members)).map(|ordinal| names::database_member(app, ordinal)).collect();
    Role {
        metadata: PART.meta(context.app, names::database(app)),
        rules: Some(vec![
            rule("configmaps", &["list", "watch", "create"], None),
            rule("configmaps", &["get", "patch", "update"], Some(names::patroni_objects(app).to_vec())),
            rule("pods", &["list", "watch"], None),
            rule("pods", &["get", "patch", "update"], Some(pods)),
        ]),
    }
}

fn role_binding(context: &Context<'_>) -> RoleBinding {
    let name = names::database(&context.app.name);
    RoleBinding {
        metadata: PART.meta(context.app, name.clone()),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(context.app.namespace.clone()),
            ..Subject::default()
        }]),
    }
}

fn config_map(context: &Context<'_>, settings: &DatabaseSettings, members: u32) -> ConfigMap {
    ConfigMap {
        metadata: PART.meta(context.app, names::database(&context.app.name)),
        data: Some(BTreeMap::from([("patroni.yml".to_owned(), database_config::file(context, settings, members))])),
        ..ConfigMap::default()
    }
}

fn ports() -> Vec<ServicePort> {
    [("postgresql", 5432), ("patroni", 8008), ("lag", 8009)].map(|(name, port)| members::same_port(name, port)).into()
}

fn stateful_set(context: &Context<'_>, tier: &TierPlan, settings: &DatabaseSettings) -> StatefulSet {
    let app = context.app;
    let members = tier.replicas.max;
    let class = app.database.as_ref().and_then(|database| database.storage_class.clone());
    // Only what a member reads at its start, and nothing that depends on sizes or on how many members there are.
    let config_hash = hash([database_config::static_file(context).to_string().as_str()]);
    StatefulSet {
        metadata: PART.meta(app, names::database(&app.name)),
        spec: Some(StatefulSetSpec {
            replicas: Some(i32::try_from(members).unwrap_or(i32::MAX)),
            service_name: Some(names::database_members(&app.name)),
            selector: PART.label_selector(app),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(members::retention(context)),
            revision_history_limit: Some(5),
            template: database_pod::template(context, &context.environment.images, settings, config_hash),
            volume_claim_templates: Some(vec![members::claim(context, &PART, class, settings.postgres.storage)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
