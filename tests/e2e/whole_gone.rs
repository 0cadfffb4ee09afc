//! Everything once gone: all pods of a tier end at once, one tier after another, under a light load. What is
//! acknowledged stays: orders, confirmed jobs, sessions. What users see meanwhile is in docs/failure-modes.md.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use scaledapp::api::labels;

use crate::cluster::{World, eventually};
use crate::shop::{Load, Report};
use crate::whole::{ask, log_in, made_small, try_upload, upload, whole_shop};

/// From the end of all pods of a tier until as many serve again, and until orders are acknowledged.
const BACK_LIMIT: Duration = Duration::from_secs(180);
/// Arrivals a second, a fifth of them orders.
const RATE: u32 = 5;

/// Ends all pods of a tier as a power cut would; which they were.
async fn end_all(world: &World, component: &str) -> Vec<Option<String>> {
    let before = world.pods_of(component).await.iter().map(ResourceExt::uid).collect();
    let selector = format!("{}={component}", labels::COMPONENT);
    world.kubectl(&["delete", "pod", "-l", &selector, "--grace-period=0", "--force", "--wait=false"]);
    before
}

/// Waits until as many others are ready; `meanwhile` is what has to hold all the time.
async fn others_are_ready(world: &World, component: &str, before: &[Option<String>], meanwhile: impl Fn()) {
    let is_ready = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    eventually(&format!("{component} is back"), BACK_LIMIT, async || {
        meanwhile();
        let pods = world.pods_of(component).await;
        let back = pods.iter().filter(|pod| !before.contains(&pod.uid()) && is_ready(pod)).count();
        if back >= before.len() { Ok(()) } else { Err(format!("{back} of {}", before.len())) }
    })
    .await;
}

/// What was acknowledged before a fault, whoever is gone.
struct Acknowledged {
    pictures: Vec<String>,
    cookie: String,
}

impl Acknowledged {
    fn new(world: &World, cookie: &str) -> Self {
        Self { pictures: (0..3).map(|_| upload(world)).collect(), cookie: cookie.to_owned() }
    }

    /// Every confirmed job is done in the end, and Ada stays logged in. Orders are looked for by [`Load::finish`].
    async fn stays(&self, world: &World) {
        for picture in &self.pictures {
            made_small(world, picture).await;
        }
        eventually("Ada is logged in still", Duration::from_secs(30), async || {
            let session = ask(world, "/api/session", &["-b", &self.cookie])?;
            if session.status == 200 { Ok(()) } else { Err(session.body) }
        })
        .await;
    }
}

/// While the queue is gone an upload is refused, with a sentence that a user understands; jobs of uploads that came
/// through before that are confirmed like all others.
fn uploads_are_refused(world: &World, acknowledged: &mut Acknowledged) {
    let start = Instant::now();
    let refused = loop {
        let answer = try_upload(world);
        if answer.status != 202 {
            break answer;
        }
        acknowledged.pictures.push(answer.json()["id"].as_str().expect("a key").to_owned());
        assert!(start.elapsed() < Duration::from_secs(30), "every upload is taken, with no queue");
    };
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(
        refused.body.contains("Your picture was not taken") && refused.body.contains("Orders go on"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn gone_tiers_cost_no_request_and_lose_nothing() {
    let world = whole_shop().await;
    let (_, cookie) = log_in(&world);
    for component in ["proxy", "cache", "worker", "queue", "sessions"] {
        let mut acknowledged = Acknowledged::new(&world, &cookie);
        let load = Load::start(&world, RATE, Duration::from_secs(40));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let start = Instant::now();
        let before = end_all(&world, component).await;
        if component == "queue" {
            uploads_are_refused(&world, &mut acknowledged);
            println!("queue: an upload refused with a sentence after {:.1} s", start.elapsed().as_secs_f64());
        }
        others_are_ready(&world, component, &before, || {}).await;
        println!("{component}: all pods gone and back after {:.1} s", start.elapsed().as_secs_f64());
        let report = load.finish_soon().await;
        println!("{component} gone: {}", report.whole);
        report.assert_flawless();
        acknowledged.stays(&world).await;
    }
    world.ready("shop", BACK_LIMIT).await;
}

/// A page that everybody sees comes from the caching proxy, whatever is gone behind it.
fn a_kept_page_is_served(world: &World) {
    let page = ask(world, "/products/7", &[]).expect("an answer");
    assert_eq!(page.status, 200, "{}", page.body);
}

/// Orders are acknowledged again, with nobody's help.
async fn orders_go_on(world: &World) {
    eventually("an order is acknowledged", BACK_LIMIT, async || {
        let order = ask(
            world,
            "/api/orders",
            &["-H", "content-type: application/json", "-d", r#"{"product": 7, "quantity": 1}"#],
        )?;
        if order.status == 201 { Ok(()) } else { Err(format!("{}: {}", order.status, order.body)) }
    })
    .await;
}

/// Users had to wait, or were told to come back by one of these statuses: nothing else.
fn assert_degraded(report: &Report, statuses: &[&str]) {
    assert!(report.acknowledged > 0, "{}", report.whole);
    let kinds =
        ["failures", "unexpected"].into_iter().flat_map(|key| report.whole[key].as_object().into_iter().flatten());
    let other: Vec<_> = kinds.filter(|(kind, _)| !statuses.contains(&kind.as_str())).collect();
    assert!(other.is_empty(), "{other:?} is not as documented: {}", report.whole);
}

#[tokio::test]
async fn gone_tiers_that_every_order_passes_come_back_by_themselves_and_lose_nothing() {
    let world = whole_shop().await;
    let (_, cookie) = log_in(&world);
    // What was under way in a pod that goes is answered 502 by whoever is before it. Without an edge the ingress controller
    // answers by itself: Traefik drops a route whose Service has no pod, and says 404.
    let cases: [(&str, u64, &[&str]); 4] = [
        ("web", 40, &["502", "503"]),
        ("edge", 40, &["404", "502", "503", "504"]),
        ("pool", 60, &["503"]),
        ("database", 100, &["503"]),
    ];
    for (component, seconds, statuses) in cases {
        let acknowledged = Acknowledged::new(&world, &cookie);
        a_kept_page_is_served(&world);
        let load = Load::start(&world, RATE, Duration::from_secs(seconds));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let start = Instant::now();
        let before = end_all(&world, component).await;
        others_are_ready(&world, component, &before, || {
            if component != "edge" {
                a_kept_page_is_served(&world);
            }
        })
        .await;
        println!("{component}: all pods gone and back after {:.1} s", start.elapsed().as_secs_f64());
        orders_go_on(&world).await;
        println!("{component}: an order acknowledged after {:.1} s", start.elapsed().as_secs_f64());
        let report = load.finish_soon().await;
        println!("{component} gone: {}", report.whole);
        assert_degraded(&report, statuses);
        acknowledged.stays(&world).await;
    }
    world.ready("shop", BACK_LIMIT).await;
}
