//! A customer's story on the shop with every tier: browses, logs in, orders, uploads, and stays logged in.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{SMALL_SHOP, World, eventually, ingress_url, remove};
use crate::shop::apply_whole_shop;

/// What the ingress answered to one request.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// One request by curl with more of its options; an answer of the ingress, whatever its status.
pub fn ask(world: &World, path: &str, options: &[&str]) -> Result<Answer, String> {
    let output = Command::new("curl")
        .args(["-sS", "-m", "30", "-i", "-H", &format!("Host: {}", world.host), "-H", "Expect:"])
        .args(options)
        .arg(format!("{}{path}", ingress_url()))
        .output()
        .expect("curl starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or("no status")?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

/// A PNG of four pixels.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\
    \0\0\0\x02\0\0\0\x02\x08\x02\0\0\0\xfd\xd4\x9as\
    \0\0\0\x15IDATx\xdac8!''wB\x8e\x01H\xdc\xb9#\x07\0\x1e\xe0\x04\xe3&b\x8d\x8c\
    \0\0\0\0IEND\xaeB`\x82";

const JSON: &str = "content-type: application/json";

/// The shop with every tier, ready; shared by the tests that leave it as it is. These run last, and the smaller shop that
/// others shared before them goes.
pub async fn whole_shop() -> World {
    remove(SMALL_SHOP);
    let world = World::new("whole").await;
    apply_whole_shop(&world, &[]);
    world.ready("shop", Duration::from_secs(600)).await;
    world
}

/// Logs Ada in, acknowledged by a second member of the session store; what was answered, and her cookie.
pub fn log_in(world: &World) -> (Value, String) {
    log_in_kept(world, "replicated")
}

/// Logs Ada in where a session is kept in this way; what was answered, and her cookie.
pub fn log_in_kept(world: &World, kind: &str) -> (Value, String) {
    let credentials = r#"{"name": "Ada", "password": "correct horse"}"#;
    let login = ask(world, "/api/login", &["-H", JSON, "-d", credentials]).expect("an answer");
    assert_eq!(login.status, 200, "{}", login.body);
    let kept = login.json();
    assert_eq!(kept["kept"]["kind"], kind, "{kept}");
    (kept, login.header("set-cookie").split(';').next().unwrap_or_default().to_owned())
}

/// Uploads a picture of product 7; its key, when the job was confirmed.
pub fn upload(world: &World) -> String {
    let upload = try_upload(world);
    assert_eq!(upload.status, 202, "{}", upload.body);
    upload.json()["id"].as_str().expect("a key").to_owned()
}

/// As [`upload`], with whatever answer.
pub fn try_upload(world: &World) -> Answer {
    let file = std::env::temp_dir().join(format!("{}-{}.png", world.namespace, std::process::id()));
    std::fs::write(&file, PICTURE).expect("a picture");
    let data = format!("@{}", file.display());
    let upload = ["-H", "content-type: image/png", "--data-binary", &data];
    let answer = ask(world, "/api/pictures?product=7", &upload).expect("an answer");
    std::fs::remove_file(&file).expect("the picture goes");
    answer
}

/// Waits for the thumbnail.
pub async fn made_small(world: &World, id: &str) {
    eventually("the thumbnail", Duration::from_secs(90), async || {
        let picture = ask(world, &format!("/api/pictures/{id}"), &[])?.json();
        if picture["state"] == "ready" { Ok(()) } else { Err(picture.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn story_a_customer_browses_logs_in_orders_uploads_and_stays_logged_in_when_the_pod_goes() {
    let world = whole_shop().await;

    // Browsing: what everybody sees comes from the caching proxy, and what it lacks from the cache.
    eventually("the product's page from the proxy", Duration::from_secs(60), async || {
        let page = ask(&world, "/products/7", &[])?;
        match (page.status, page.header("x-cache")) {
            (200, "hit") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    eventually("products from the cache", Duration::from_secs(60), async || {
        let products = ask(&world, "/api/products", &[])?;
        if products.header("x-shop-cache") == "hit" { Ok(()) } else { Err(products.body) }
    })
    .await;

    // Logging in: acknowledged by a second member of the session store.
    let (kept, cookie) = log_in(&world);
    let as_ada = ["-b", cookie.as_str()];

    // Ordering: on her account.
    let order = ["-b", &cookie, "-H", JSON, "-d", r#"{"product": 7, "quantity": 1}"#];
    let order = ask(&world, "/api/orders", &order).expect("an answer");
    assert_eq!(order.status, 201, "{}", order.body);
    let number = order.json()["id"].as_i64().expect("a number");
    let from_it = format!("/api/orders?after={}&limit=1", number - 1);
    eventually("her order from a replica", Duration::from_secs(20), async || {
        let list = ask(&world, &from_it, &[])?.json();
        let listed = list["orders"].as_array().is_some_and(|orders| orders.iter().any(|order| order["id"] == number));
        if list["database"]["role"] == "replica" && listed { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
    eventually("her order on her account", Duration::from_secs(20), async || {
        let account = ask(&world, "/account", &as_ada)?;
        if account.body.contains("Enamel mug") { Ok(()) } else { Err(account.body) }
    })
    .await;

    // Uploading: a worker makes the thumbnail, and the page that the proxy had kept shows it at once.
    let id = upload(&world);
    made_small(&world, &id).await;
    // Well within the minute that the page may live.
    eventually("the picture on the product's page", Duration::from_secs(20), async || {
        let page = ask(&world, "/products/7", &[])?;
        if page.body.contains(&id) { Ok(()) } else { Err("not there".to_owned()) }
    })
    .await;
    let thumbnail = ask(&world, &format!("/pictures/{id}/thumbnail"), &["-o", "/dev/null", "-D", "-"]);
    let thumbnail = thumbnail.expect("an answer");
    assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, "image/jpeg"));

    // The pod that logged her in goes; she stays.
    let pod = kept["pod"].as_str().expect("a pod").to_owned();
    world.kubectl(&["delete", "pod", &pod, "--wait=true", "--timeout=90s"]);
    let session = ask(&world, "/api/session", &as_ada).expect("an answer");
    assert_eq!(session.status, 200, "{}", session.body);
    let session = session.json();
    assert_eq!(session["name"], "Ada", "{session}");
    assert!(session["pod"] != pod.as_str() && session["pods"][&pod].is_object(), "served by another pod: {session}");

    let drawing = ask(&world, "/api/architecture", &[]).expect("an answer").json();
    for part in drawing["parts"].as_array().expect("parts") {
        assert!(part["health"] != "away" && part["health"] != "absent", "{drawing}");
    }
    // What the operator says reaches the page with an account that may read this one ScaledApp.
    let tiers = drawing["status"]["tiers"].as_array().unwrap_or_else(|| panic!("no status: {}", drawing["untold"]));
    for tier in ["Edge", "Proxy", "Web", "Worker", "Pool", "Database", "Cache", "Sessions", "Queue"] {
        assert!(tiers.iter().any(|told| told["tier"] == tier), "{tier}: {drawing}");
    }
}
