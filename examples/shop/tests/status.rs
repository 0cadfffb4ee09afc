//! The drawing with the word of the operator, as an API server gives it to a pod with an account.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shop::config::Limits;
use shop::config::tiers::Tiers;
use support::api_server::ApiServer;
use support::http::{Answer, get};
use support::{serve_told, serve_with};

/// Longer than an answer is shown.
const STALE: Duration = Duration::from_millis(1700);

fn status(web: u32) -> Value {
    json!({
        "rung": "DatabaseReplicas",
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Serving", "message": "every tier serves"},
            {"type": "Degraded", "status": if web < 2 { "True" } else { "False" }, "reason": "PodsMissing", "message": "web: <1> of 2 pods"},
        ],
        "ladder": [{"rung": "DatabaseReplicas", "on": true, "trigger": "Declared"}, {"rung": "Shards", "on": false}],
        "tiers": [
            {"tier": "Web", "name": "web", "planned": {"min": 2, "max": 6}, "ready": web, "bottleneck": "Cpu", "headroomPercent": 41},
            {"tier": "Database", "name": "database", "planned": {"min": 3, "max": 3}, "ready": 3, "endpoint": "shop-pool:5432",
             "bottleneck": "Availability", "headroomPercent": 98, "message": "primary shop-database-0", "bands": {"cpu": "Low"}},
        ],
    })
}

async fn drawn(url: &str) -> Answer {
    get(url, "/api/architecture").await
}

fn part(answer: &Value, id: &str) -> Value {
    answer["parts"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_what_is_planned_and_what_is_ready() {
    let server = ApiServer::start(status(1)).await;
    let url = serve_told(server.config()).await;
    let answer = drawn(&url).await.json();
    assert_eq!(server.asked(), ["/apis/scaledapp.dev/v1alpha1/namespaces/shops/scaledapps/shop"]);
    assert_eq!(answer["untold"], Value::Null, "{answer}");
    assert_eq!(answer["status"]["tiers"][1]["message"], "primary shop-database-0");
    assert_eq!(answer["status"]["ladder"][0], json!({"rung": "DatabaseReplicas", "on": true, "trigger": "Declared"}));
    let web = part(&answer, "web");
    assert_eq!(web["health"], "degraded", "{web}");
    assert_eq!(web["pods"], json!({"ready": 1, "planned": {"min": 2, "max": 6}, "headroomPercent": 41}));
    assert_eq!(part(&answer, "edge")["health"], "absent", "there is none on this rung");

    for path in ["/architecture", "/architecture/drawing"] {
        let page = get(&url, path).await;
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        for text in [
            "1 of 2–6 pods, 41% room",
            "Ready</b> every tier serves",
            "Degraded: True",
            "web: &#60;1&#62; of 2 pods",
            "Database replicas<small>declared",
            "1 of 2–6",
            "98 %",
            "primary shop-database-0",
            "part degraded",
        ] {
            assert!(page.body.contains(text), "{path} has no {text}: {}", page.body);
        }
    }

    server.set(|behaviour| behaviour.status = status(2));
    tokio::time::sleep(STALE).await;
    let answer = drawn(&url).await.json();
    assert_eq!(part(&answer, "web")["health"], "up", "{answer}");
    assert!(!get(&url, "/architecture").await.body.contains("Degraded: True"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_viewers_share_one_question() {
    let server = ApiServer::start(status(2)).await;
    server.set(|behaviour| behaviour.delay = Duration::from_millis(200));
    let url = serve_told(server.config()).await;
    let answers = futures_util::future::join_all((0..20).map(|_| drawn(&url))).await;
    assert!(answers.iter().all(|answer| answer.json()["status"]["rung"] == "DatabaseReplicas"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_or_an_authority_that_changes_is_read_anew() {
    let server = ApiServer::start(status(2)).await;
    let url = serve_told(server.config()).await;
    assert!(drawn(&url).await.json()["status"].is_object());

    server.set(|behaviour| behaviour.token = "second".to_owned());
    tokio::time::sleep(STALE).await;
    let answer = drawn(&url).await.json();
    assert!(answer["untold"].as_str().unwrap().contains("does not know the token"), "{answer}");
    server.write("token", "second\n");
    tokio::time::sleep(STALE).await;
    assert!(drawn(&url).await.json()["status"].is_object());

    let authority = server.change_authority();
    server.write("ca.crt", &authority);
    tokio::time::sleep(STALE).await;
    assert!(drawn(&url).await.json()["status"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_gets_no_token() {
    let server = ApiServer::start(status(2)).await;
    server.change_authority();
    let url = serve_told(server.config()).await;
    let answer = drawn(&url).await.json();
    assert!(answer["untold"].as_str().unwrap().contains("cannot be reached"), "{answer}");
    assert!(server.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_operators_word_the_page_is_there_and_says_why() {
    let server = ApiServer::start(status(2)).await;
    let url = serve_told(server.config()).await;
    for (code, why) in [
        (403, "needs a Role with get on scaledapps, name shop"),
        (404, "no ScaledApp shop in namespace shops"),
        (500, "answered 500"),
    ] {
        server.set(|behaviour| behaviour.code = code);
        let page = get(&url, "/architecture").await;
        assert!(page.status == 200 && page.body.contains(why), "{code}: {}", page.body);
        let answer = drawn(&url).await.json();
        assert_eq!((&answer["status"], &part(&answer, "web")["health"]), (&Value::Null, &"up".into()), "{answer}");
        tokio::time::sleep(STALE).await;
    }
    server.set(|behaviour| (behaviour.code, behaviour.delay) = (200, Duration::from_secs(20)));
    let begun = Instant::now();
    let answer = drawn(&url).await.json();
    assert!(answer["untold"].as_str().unwrap().contains("did not answer within 900 ms"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    server.set(|behaviour| behaviour.delay = Duration::ZERO);
    server.write("ca.crt", "no certificate");
    tokio::time::sleep(STALE).await;
    assert!(drawn(&url).await.json()["untold"].as_str().unwrap().contains("ca.crt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_by_itself_says_that_nobody_named_its_app() {
    let url = serve_with("alone", None, Limits::default(), Tiers::default()).await;
    let page = get(&url, "/architecture").await;
    assert!(
        page.status == 200 && page.body.contains("Nobody told this shop the name of its ScaledApp"),
        "{}",
        page.body
    );
    let answer = drawn(&url).await.json();
    assert!(
        answer["status"].is_null() && answer["parts"].as_array().unwrap().iter().all(|part| part["pods"].is_null())
    );
}
