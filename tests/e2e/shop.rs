//! The sample shop as a load and as a witness: what it acknowledged must be there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{World, apply, eventually, ingress_url, setting};

/// A light open-loop load that goes on in the background.
pub struct Load {
    child: Child,
    keys: PathBuf,
    host: String,
}

/// What a load saw.
#[derive(Debug)]
pub struct Report {
    pub requests: u64,
    pub failed: u64,
    pub acknowledged: u64,
    pub longest_gap_seconds: f64,
    pub whole: Value,
}

/// Applies the sample with some changes: `(path, value)` as JSON pointers into the document.
pub fn apply_shop(world: &World, changes: &[(&str, Value)]) {
    apply_sample(world, "shop", changes);
}

/// As [`apply_shop`], the sample with every tier.
pub fn apply_whole_shop(world: &World, changes: &[(&str, Value)]) {
    apply_sample(world, "shop-whole", changes);
}

fn apply_sample(world: &World, name: &str, changes: &[(&str, Value)]) {
    let text = std::fs::read_to_string(format!("manifests/samples/{name}.yaml")).expect("the sample");
    let mut document: Value = serde_yaml::from_str(&text).expect("the sample is YAML");
    document["metadata"]["namespace"] = world.namespace.clone().into();
    document["spec"]["ingress"]["hosts"] = serde_json::json!([world.host]);
    for part in ["services", "workers"] {
        for pod in document["spec"][part].as_array_mut().into_iter().flatten() {
            pod["image"] = setting("SCALEDAPP_E2E_SHOP_IMAGE").into();
        }
    }
    for (path, value) in changes {
        set(&mut document, path, value.clone());
    }
    // As JSON: what kubectl reads of YAML is another dialect, in which a bare `yes` is no text.
    apply(&document.to_string());
}

/// Sets one value by its JSON pointer; makes the objects on the way; `null` removes it.
fn set(document: &mut Value, path: &str, value: Value) {
    let (parent, last) = path.rsplit_once('/').expect("a pointer");
    let mut at = document;
    for step in parent.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        };
    }
    if value.is_null() {
        at.as_object_mut().expect("an object").remove(last);
    } else {
        at[last] = value;
    }
}

impl Load {
    /// Starts `rate` arrivals a second for `duration`.
    pub fn start(world: &World, rate: u32, duration: Duration) -> Self {
        let keys = std::env::temp_dir().join(format!("{}-{}.keys", world.namespace, std::process::id()));
        let child = Command::new(setting("SCALEDAPP_E2E_SHOP"))
            .args(["load", "--url", &ingress_url(), "--host", &world.host])
            .args(["--rate", &rate.to_string(), "--duration", &format!("{}s", duration.as_secs())])
            .arg("--out")
            .arg(&keys)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the load generator starts");
        Self { child, keys, host: world.host.clone() }
    }

    /// Waits for the end and checks that everything acknowledged is stored.
    pub async fn finish(self) -> Report {
        let Self { child, keys, host } = self;
        let output =
            tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("joined").expect("ended");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "load: {}\n{text}", String::from_utf8_lossy(&output.stderr));
        let whole: Value = text.lines().rev().find_map(|l| serde_json::from_str(l).ok()).expect("the load prints JSON");
        verify(&host, &keys);
        let number = |key: &str| whole[key].as_u64().unwrap_or_default();
        Report {
            requests: number("requests"),
            failed: number("failed"),
            acknowledged: number("acknowledged"),
            longest_gap_seconds: whole["longestGapSeconds"].as_f64().unwrap_or(f64::INFINITY),
            whole,
        }
    }
}

/// Panics when an acknowledged order is missing or stored twice.
pub fn verify(host: &str, keys: &std::path::Path) {
    let output = Command::new(setting("SCALEDAPP_E2E_SHOP"))
        .args(["verify", "--url", &ingress_url(), "--host", host, "--timeout", "120s"])
        .arg("--keys")
        .arg(keys)
        .output()
        .expect("the checker starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "acknowledged orders are missing: {said}");
}

impl Report {
    /// Nothing failed.
    pub fn assert_flawless(&self) {
        assert!(self.requests > 0, "no requests: {}", self.whole);
        assert_eq!(self.failed, 0, "failed requests: {}", self.whole);
        assert_eq!(self.whole["unexpected"].as_object().map_or(0, serde_json::Map::len), 0, "{}", self.whole);
    }
}

/// What the ingress answered to one request.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// One request by curl with more of its options; an answer of the ingress, whatever its status.
fn ask(world: &World, path: &str, options: &[&str]) -> Result<Answer, String> {
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

#[tokio::test]
async fn story_a_customer_browses_logs_in_orders_uploads_and_stays_logged_in_when_the_pod_goes() {
    let world = World::new("customer").await;
    apply_whole_shop(&world, &[]);
    world.ready("shop", Duration::from_secs(600)).await;

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
    let json = "content-type: application/json";
    let credentials = r#"{"name": "Ada", "password": "correct horse"}"#;
    let login = ask(&world, "/api/login", &["-H", json, "-d", credentials]).expect("an answer");
    assert_eq!(login.status, 200, "{}", login.body);
    let kept = login.json();
    assert_eq!(kept["kept"]["kind"], "replicated", "{kept}");
    let cookie = login.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let as_ada = ["-b", cookie.as_str()];

    // Ordering: on her account.
    let order = ["-b", &cookie, "-H", json, "-d", r#"{"product": 7, "quantity": 1}"#];
    let order = ask(&world, "/api/orders", &order).expect("an answer");
    assert_eq!(order.status, 201, "{}", order.body);
    eventually("her order on her account", Duration::from_secs(20), async || {
        let account = ask(&world, "/account", &as_ada)?;
        if account.body.contains("Enamel mug") { Ok(()) } else { Err(account.body) }
    })
    .await;

    // Uploading: a worker makes the thumbnail, and the page that the proxy had kept shows it at once.
    let file = std::env::temp_dir().join(format!("{}-{}.png", world.namespace, std::process::id()));
    std::fs::write(&file, PICTURE).expect("a picture");
    let data = format!("@{}", file.display());
    let upload = ["-H", "content-type: image/png", "--data-binary", &data];
    let upload = ask(&world, "/api/pictures?product=7", &upload).expect("an answer");
    std::fs::remove_file(&file).expect("the picture goes");
    assert_eq!(upload.status, 202, "{}", upload.body);
    let id = upload.json()["id"].as_str().expect("a key").to_owned();
    eventually("the thumbnail", Duration::from_secs(60), async || {
        let picture = ask(&world, &format!("/api/pictures/{id}"), &[])?.json();
        if picture["state"] == "ready" { Ok(()) } else { Err(picture.to_string()) }
    })
    .await;
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

    let parts = ask(&world, "/api/architecture", &[]).expect("an answer").json();
    for part in parts["parts"].as_array().expect("parts") {
        assert!(part["health"] != "away" && part["health"] != "absent", "{parts}");
    }
    world.remove();
}
