//! Uploads, the queue and the worker against a real broker that dies, loses its queue and comes back: what was taken becomes a thumbnail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::io::Cursor;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::routing::post;
use hyper::Method;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use shop::config::Limits;
use shop::config::tiers::{Tiers, amqp_url};
use support::http::{Answer, get, order, send};
use support::postgres::Postgres;
use support::rabbit::Rabbit;
use support::redis::Redis;
use support::{eventually, free_port, migrate, serve_with};
use uuid::Uuid;

fn picture() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = image::RgbImage::from_fn(640, 480, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 90]));
    image::DynamicImage::ImageRgb8(picture).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn upload(url: &str, key: Uuid, product: i64) -> Answer {
    let path = format!("/api/pictures?product={product}&key={key}");
    send(url, Method::POST, &path, &[("content-type", "image/png")], picture().into()).await
}

async fn ready(url: &str, key: Uuid) -> serde_json::Value {
    eventually("a thumbnail", async || {
        let state = get(url, &format!("/api/pictures/{key}")).await.json();
        if state["state"] == "ready" { Ok(state) } else { Err(state.to_string()) }
    })
    .await
}

struct Worker(Child);

impl Worker {
    fn start(name: &str, postgres: &Postgres, rabbit: &Rabbit, more: &[(&str, String)]) -> Self {
        let worker = Command::new(env!("CARGO_BIN_EXE_shop"))
            .args(["worker", "thumbnails"])
            .env("PORT", free_port().to_string())
            .env("HOSTNAME", name)
            .env("DATABASE_URL", postgres.url())
            .env("AMQP_URL", rabbit.url())
            .envs(more.iter().map(|(name, value)| (*name, value.as_str())))
            .stdout(Stdio::null())
            .spawn();
        Self(worker.unwrap())
    }

    fn terminate(&self) {
        assert!(Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status().unwrap().success());
    }

    /// Whether it ended well, and after how long.
    async fn ended(mut self) -> (bool, Duration) {
        let started = Instant::now();
        let looked = || std::future::ready(self.0.try_wait().unwrap().ok_or("it works on".to_owned()));
        let status = eventually("the worker's end", looked).await;
        (status.success(), started.elapsed())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Holds up whoever would write a picture, until the transaction of the answer ends.
async fn lock_pictures(postgres: &Postgres) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE pictures IN EXCLUSIVE MODE").await.unwrap();
    client
}

/// Returns when no job waits: the one that did is with a worker.
async fn taken_up(rabbit: &Rabbit) {
    eventually("a worker that takes the job", async || match rabbit.waiting("thumbnails").await {
        0 => Ok(()),
        waiting => Err(waiting.to_string()),
    })
    .await;
}

async fn shop(postgres: &Postgres, rabbit: &Rabbit, more: Tiers) -> String {
    let tiers = Tiers { queue: Some(amqp_url(&rabbit.url()).unwrap()), ..more };
    serve_with("web-1", Some((&postgres.url(), &postgres.url())), Limits::default(), tiers).await
}

/// Stands in for the edge: keeps the tags that it was told to forget, with the token that came with them.
async fn purge_endpoint() -> (String, Arc<Mutex<Vec<(String, String)>>>) {
    let told: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let keep = Arc::clone(&told);
    let router = Router::new().route(
        "/purge",
        post(async move |RawQuery(query): RawQuery, headers: HeaderMap| {
            let token = headers["authorization"].to_str().unwrap().to_owned();
            keep.lock().unwrap().push((query.unwrap_or_default(), token));
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/purge", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_a_thumbnail_that_everybody_sees_at_once() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let (rabbit, redis) = (Rabbit::start().await, Redis::start());
    rabbit.declare("thumbnails").await;
    let url = shop(&postgres, &rabbit, Tiers { cache: Some(redis.client()), ..Tiers::default() }).await;
    let (purge, told) = purge_endpoint().await;
    assert!(get(&url, "/products/5").await.body.contains("None yet"));
    assert_eq!(get(&url, "/products/5").await.header("x-shop-cache"), "hit");

    let key = Uuid::new_v4();
    let taken = upload(&url, key, 5).await;
    assert_eq!(taken.status, 202, "{}", taken.body);
    assert_eq!(get(&url, &format!("/api/pictures/{key}")).await.json()["state"], "waiting");
    let page = get(&url, &format!("/pictures/{key}")).await;
    assert!(page.body.contains("http-equiv=\"refresh\""), "{}", page.body);
    assert_eq!(get(&url, &format!("/pictures/{key}/thumbnail")).await.status, 404);
    assert_eq!(upload(&url, key, 5).await.status, 202, "sent twice it is one picture");
    assert_eq!(upload(&url, key, 6).await.status, 409);
    assert_eq!(upload(&url, Uuid::new_v4(), 99).await.status, 422);
    let nonsense = send(&url, Method::POST, "/api/pictures?product=5", &[], "hello".into()).await;
    assert!(nonsense.status == 422 && nonsense.body.contains("not a JPEG"), "{}", nonsense.body);

    let cache = format!("redis://127.0.0.1:{}/0", redis.port);
    let more = [("CACHE_URL", cache), ("PURGE_URL", purge), ("PURGE_TOKEN", "secret".to_owned())];
    let worker = Worker::start("worker-1", &postgres, &rabbit, &more);
    assert_eq!(ready(&url, key).await["worker"], "worker-1");
    let thumbnail = get(&url, &format!("/pictures/{key}/thumbnail")).await;
    assert_eq!((thumbnail.status, thumbnail.header("content-type")), (200, "image/jpeg"));
    assert!(thumbnail.header("cache-control").contains("immutable"));
    eventually("the product's page", async || {
        let page = get(&url, "/products/5").await.body;
        if page.contains(&format!("/pictures/{key}/thumbnail")) { Ok(()) } else { Err(page) }
    })
    .await;
    eventually("a purge", async || {
        let told = told.lock().unwrap().clone();
        let wanted = ("tag=product-5".to_owned(), "Bearer secret".to_owned());
        if told.contains(&wanted) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    taken_up(&rabbit).await;
    assert_eq!(told.lock().unwrap().len(), 1, "the job that came twice was done once");

    let parts = get(&url, "/api/architecture").await.json();
    let part = |id: &str| parts["parts"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap().clone();
    assert_eq!((&part("queue")["health"], &part("cache")["health"]), (&"up".into(), &"up".into()), "{parts}");
    assert!(part("worker")["who"].as_str().unwrap().starts_with("worker-1"), "{parts}");
    worker.terminate();
    let (well, took) = worker.ended().await;
    assert!(well && took < Duration::from_secs(5), "an idle worker ends at once: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_queue_the_shop_refuses_uploads_with_a_sentence_and_takes_orders() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let mut rabbit = Rabbit::start().await;
    let url = shop(&postgres, &rabbit, Tiers::default()).await;
    let unroutable = upload(&url, Uuid::new_v4(), 1).await;
    assert!(unroutable.status == 503 && unroutable.body.contains("was not taken"), "{}", unroutable.body);
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM pictures"), "0", "what cannot be worked on is not kept");

    rabbit.declare("thumbnails").await;
    let kept = Uuid::new_v4();
    assert_eq!(upload(&url, kept, 1).await.status, 202);
    rabbit.kill();
    let started = Instant::now();
    let refused = upload(&url, Uuid::new_v4(), 1).await;
    assert!(refused.status == 503 && refused.body.contains("Orders go on"), "{}", refused.body);
    assert!(started.elapsed() < Duration::from_secs(10), "bounded: {:?}", started.elapsed());
    assert_eq!(order(&url, Uuid::new_v4(), 1, 1).await.status, 201);
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM pictures"), "1");

    let worker = Worker::start("worker-1", &postgres, &rabbit, &[]);
    rabbit.run().await;
    assert_eq!(ready(&url, kept).await["state"], "ready", "a confirmed job is there after the broker's death");
    let later = Uuid::new_v4();
    assert_eq!(upload(&url, later, 1).await.status, 202);
    ready(&url, later).await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_sigterm_a_job_is_finished_or_goes_back() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let rabbit = Rabbit::start().await;
    rabbit.declare("thumbnails").await;
    let url = shop(&postgres, &rabbit, Tiers::default()).await;

    let (finished, torn) = (Uuid::new_v4(), Uuid::new_v4());
    assert_eq!(upload(&url, finished, 2).await.status, 202);
    let locked = lock_pictures(&postgres).await;
    let worker = Worker::start("worker-1", &postgres, &rabbit, &[]);
    taken_up(&rabbit).await;
    worker.terminate();
    let ended = tokio::spawn(worker.ended());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!ended.is_finished(), "it waits for the job under way");
    locked.batch_execute("COMMIT").await.unwrap();
    assert!(ended.await.unwrap().0);
    assert_eq!(ready(&url, finished).await["worker"], "worker-1", "what was under way was finished");

    let returned = Uuid::new_v4();
    assert_eq!(upload(&url, returned, 2).await.status, 202);
    let locked = lock_pictures(&postgres).await;
    let worker = Worker::start("worker-2", &postgres, &rabbit, &[("WORKER_FINISH", "500ms".to_owned())]);
    taken_up(&rabbit).await;
    worker.terminate();
    assert!(worker.ended().await.0, "it does not wait for a job that takes too long");
    assert_eq!(rabbit.waiting("thumbnails").await, 1, "what could not be finished is there for another");
    locked.batch_execute("COMMIT").await.unwrap();

    let (_connection, channel) = rabbit.channel().await;
    let publish = async |job: &[u8]| {
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), "thumbnails".into(), options, job, BasicProperties::default()).await.unwrap();
    };
    publish(b"no key at all").await;
    let refused = format!(
        "INSERT INTO pictures (id, product_id, original, media_type, pod) VALUES ('{torn}', 2, '\\x89504e47', 'image/png', 'web-1')"
    );
    postgres.sql("app", &refused);
    publish(torn.to_string().as_bytes()).await;
    let _worker = Worker::start("worker-3", &postgres, &rabbit, &[]);
    assert_eq!(ready(&url, returned).await["worker"], "worker-3");
    eventually("a refusal", async || {
        let state = get(&url, &format!("/api/pictures/{torn}")).await.json();
        if state["state"] == "refused" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    assert_eq!(rabbit.waiting("thumbnails").await, 0, "a job that can never be done does not come back for ever");
}
