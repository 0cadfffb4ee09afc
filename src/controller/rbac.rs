//! What the operator may do, generated from the registry of kinds: the chart's roles are made from
//! this, and a test holds them equal. Nothing here grants a right that no stage uses.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::api;
use crate::resources::KINDS;

/// Rights in every namespace.
#[must_use]
pub fn cluster_rules() -> Vec<PolicyRule> {
    let mut rules = vec![
        rule(api::GROUP, &["scaledapps"], &["get", "list", "watch"]),
        rule(api::GROUP, &["scaledapps/status"], &["get", "patch"]),
        // Where owner references that block deletion need it.
        rule(api::GROUP, &["scaledapps/finalizers"], &["update"]),
    ];
    let mut groups: Vec<&str> = KINDS.iter().map(|kind| kind.group).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let mut plurals: Vec<&str> = KINDS.iter().filter(|kind| kind.group == group).map(|kind| kind.plural).collect();
        plurals.sort_unstable();
        rules.push(rule(group, &plurals, &["get", "list", "watch", "create", "patch", "delete"]));
    }
    rules.extend([
        rule("apps", &["controllerrevisions"], &["get", "list", "watch", "create", "patch", "delete"]),
        rule("", &["persistentvolumeclaims"], &["get", "list", "watch", "patch", "delete"]),
        rule("", &["pods/log"], &["get"]),
        // The roles of database members hold these, and nobody can grant what he has not.
        rule("", &["configmaps"], &["get", "list", "watch", "create", "patch", "update", "delete"]),
        rule("", &["pods"], &["get", "list", "watch", "patch", "update", "delete"]),
        rule("", &["limitranges", "namespaces", "resourcequotas"], &["get", "list"]),
        rule("storage.k8s.io", &["storageclasses"], &["get", "list"]),
        rule("networking.k8s.io", &["ingressclasses"], &["get", "list"]),
        rule("scheduling.k8s.io", &["priorityclasses"], &["get", "list"]),
        rule("metrics.k8s.io", &["pods"], &["list"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]);
    rules
}

/// Rights in the operator's own namespace: the leader lease.
#[must_use]
pub fn own_rules() -> Vec<PolicyRule> {
    vec![rule("coordination.k8s.io", &["leases"], &["get", "create", "patch", "update"])]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
