//! Tiers that somebody else runs: what is made for them, and what is not.

use std::collections::BTreeMap;

use scaledapp::domain::Backing;
use scaledapp::resources::Externals;
use scaledapp::resources::external::Known;
use serde_json::Value;

use super::samples::{Sample, external};
use super::text;

/// A password that no object may show.
const PASSWORD: &str = "hunter2";

/// The owner's Secrets of the sample, with more or other keys.
fn secrets(more: &[(Backing, &str, &str)]) -> Externals {
    let mut found = Externals::default();
    for (backing, secret, uri) in [
        (Backing::Database, "shop-postgres", "postgresql://shop:PW@db.example:6432/shop"),
        (Backing::Cache, "shop-redis", "rediss://:PW@cache.example:6380/0"),
        (Backing::Sessions, "shop-sessions-store", "redis://:PW@sessions.example/0"),
        (Backing::Queue, "shop-rabbit", "amqps://shop:PW@mq.example/shop"),
        (Backing::Objects, "shop-media-bucket", "https://s3.eu.example"),
    ] {
        let mut data = BTreeMap::from([("uri".to_owned(), uri.replace("PW", PASSWORD))]);
        data.extend((backing == Backing::Objects).then(|| ("bucket".to_owned(), "media".to_owned())));
        let own = more.iter().filter(|(of, ..)| *of == backing);
        data.extend(own.map(|(_, key, value)| ((*key).to_owned(), (*value).to_owned())));
        found.insert(backing, secret, Known::read(backing, secret, "7a1c", &data));
    }
    found
}

fn web(sample: &Sample) -> &Value {
    &sample.object("Deployment", "shop-web")["spec"]["template"]
}

/// Variables of the web containers that come from Secrets: Secret, key and whether it may lack.
fn bound(sample: &Sample) -> BTreeMap<&str, (&str, &str, bool)> {
    let env = web(sample)["spec"]["containers"][0]["env"].as_array().unwrap();
    env.iter()
        .filter_map(|variable| {
            let from = variable.pointer("/valueFrom/secretKeyRef")?;
            let optional = from["optional"].as_bool().unwrap_or(false);
            Some((text(&variable["name"]), (text(&from["name"]), text(&from["key"]), optional)))
        })
        .collect()
}

fn hash(sample: &Sample) -> String {
    web(sample)["metadata"]["annotations"].to_string()
}

#[test]
fn external_tiers_are_bound_by_the_owners_secrets() {
    let sample = external(|text| text, secrets(&[]));
    let expected = [
        ("AMQP_URL", ("shop-rabbit", "uri", false)),
        ("CACHE_URL", ("shop-redis", "uri", false)),
        ("DATABASE_DIRECT_URL", ("shop-postgres", "uri", false)),
        ("DATABASE_READ_URL", ("shop-postgres", "uri", false)),
        ("DATABASE_URL", ("shop-postgres", "uri", false)),
        ("OBJECTS_ACCESS_KEY_ID", ("shop-media-bucket", "access-key-id", true)),
        ("OBJECTS_BUCKET", ("shop-media-bucket", "bucket", false)),
        ("OBJECTS_REGION", ("shop-media-bucket", "region", true)),
        ("OBJECTS_SECRET_ACCESS_KEY", ("shop-media-bucket", "secret-access-key", true)),
        ("OBJECTS_URL", ("shop-media-bucket", "uri", false)),
        ("SESSION_URL", ("shop-sessions-store", "uri", false)),
    ];
    assert_eq!(bound(&sample), BTreeMap::from(expected));
    let job = sample.of_kinds(&["Job"]).next().unwrap();
    assert!(job.to_string().contains("shop-postgres"), "migrations run against it");
    let ttl = web(&sample).to_string();
    assert!(ttl.contains(r#"{"name":"SESSION_TTL_SECONDS","value":"43200"}"#), "{ttl}");
}

#[test]
fn nothing_is_made_for_external_tiers() {
    let sample = external(|text| text, secrets(&[]));
    assert_eq!(sample.of_kinds(&["StatefulSet", "Secret", "PersistentVolumeClaim"]).count(), 0);
    for object in &sample.objects {
        let written = object.to_string();
        assert!(!written.contains(PASSWORD), "{written}");
        let name = text(&object["metadata"]["name"]);
        let of_tier = ["database", "pool", "cache", "sessions", "queue"];
        assert!(of_tier.iter().all(|tier| !name.starts_with(&format!("shop-{tier}"))), "{name}");
    }
    assert_eq!(sample.credentials.iter().count(), 0, "no passwords are generated");
}

#[test]
fn optional_keys_take_the_place_of_the_usual_ones() {
    let more = [
        (Backing::Database, "read-uri", "postgresql://shop:pw@replica.example:6433/shop"),
        (Backing::Database, "direct-uri", "postgresql://shop:pw@db.example:5432/shop"),
        (Backing::Objects, "username", "AKIA"),
        (Backing::Objects, "password", "secret"),
    ];
    let sample = external(|text| text, secrets(&more));
    let bound = bound(&sample);
    assert_eq!(bound["DATABASE_URL"].1, "uri");
    assert_eq!(bound["DATABASE_READ_URL"].1, "read-uri");
    assert_eq!(bound["DATABASE_DIRECT_URL"].1, "direct-uri");
    assert_eq!(bound["OBJECTS_ACCESS_KEY_ID"], ("shop-media-bucket", "username", true));
    assert_eq!(bound["OBJECTS_SECRET_ACCESS_KEY"], ("shop-media-bucket", "password", true));
    let policy = sample.object("NetworkPolicy", "shop-web")["spec"]["egress"].to_string();
    for port in [6432, 6433, 5432] {
        assert!(policy.contains(&format!("\"port\":{port}")), "{port}: {policy}");
    }
}

#[test]
fn traffic_to_external_tiers_is_let_out_by_port_and_no_other() {
    let sample = external(|text| text, secrets(&[]));
    for name in ["shop-web", "shop-worker-pictures", "shop-migrate"] {
        let egress = sample.object("NetworkPolicy", name)["spec"]["egress"].as_array().unwrap().clone();
        let everywhere: Vec<u64> = egress
            .iter()
            .filter(|rule| rule["to"].is_null())
            .flat_map(|rule| rule["ports"].as_array().unwrap())
            .filter_map(|port| port["port"].as_u64())
            .collect();
        assert_eq!(everywhere, [53, 53, 443, 5671, 6379, 6380, 6432], "{name}");
    }
    let edge = sample.object("NetworkPolicy", "shop-edge")["spec"]["egress"].to_string();
    assert!(!edge.contains("6432"), "the edge asks no database: {edge}");
    let open = external(|text| text.replace("egress: Declared", "egress: Open"), secrets(&[]));
    assert!(open.object("NetworkPolicy", "shop-web")["spec"]["egress"].is_null());
}

#[test]
fn a_changed_secret_rolls_its_users_and_another_note_does_not() {
    let before = hash(&external(|text| text, secrets(&[])));
    let noted = hash(&external(|text| text, secrets(&[(Backing::Database, "note", "x")])));
    assert_eq!(noted, before);
    let changed = hash(&external(|text| text, secrets(&[(Backing::Cache, "uri", "redis://:new@cache.example/0")])));
    assert_ne!(changed, before);
}

#[test]
fn migrations_run_again_for_another_external_database() {
    let job = |change: &dyn Fn(String) -> String| {
        let sample = external(change, secrets(&[]));
        text(&sample.of_kinds(&["Job"]).next().unwrap()["metadata"]["name"]).to_owned()
    };
    let first = job(&|text| text);
    assert_ne!(first, job(&|text| text.replace("shop-postgres", "other-postgres")));
    assert_eq!(first, job(&|text| text.replace("shop-redis", "other-redis")));
}

#[test]
fn sessions_in_an_external_database_have_its_address() {
    let stored = |text: String| {
        text.replace(
            "sessions: {provider: External, external: {secretRef: {name: shop-sessions-store}}, ttl: 12h}",
            "sessions: {store: Database}",
        )
    };
    let sample = external(stored, secrets(&[]));
    assert_eq!(bound(&sample)["SESSION_URL"], ("shop-postgres", "uri", false));
}
