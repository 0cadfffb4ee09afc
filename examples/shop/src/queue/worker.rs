//! The worker: takes a job, makes the thumbnail, stores it, and only then acknowledges. One job at a time.
//!
//! It must never acknowledge what is not stored. A job that is delivered twice finds its picture finished; a job that is under way at SIGTERM is
//! finished within the limit or goes back to the queue, and whoever gets it next starts anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Queue, QueueError};
use crate::cache::Cache;
use crate::config::ServeConfig;
use crate::db::connection::{self, Pool};
use crate::db::failure::Failure;
use crate::db::pictures;
use crate::metrics::Metrics;
use crate::purge::Proxies;
use crate::stop::Stop;
use crate::web::listen;
use crate::{catalogue, thumbnail};

/// One job at a time: a second one would lie here while another worker is idle.
const PREFETCH: u16 = 1;
/// How long the job under way may take after SIGTERM before it goes back.
const FINISH: Duration = Duration::from_secs(20);
/// How long a job waits for a database in failover before it goes back.
const DATABASE: Duration = Duration::from_secs(60);
/// A broker that starts takes connections before its queues have a leader, and one that stops may not answer: such a question would wait for ever.
const SUBSCRIBE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 2;

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Its thumbnail is stored.
    Made,
    /// It was done before, or its upload was taken back.
    NothingToDo,
    /// The picture cannot be made smaller, ever; that is stored.
    Refused,
    /// It is no job of ours: to the dead letters.
    Unreadable,
    /// Another worker, or this one later, may do better.
    Returned,
}

struct Worker {
    pod: String,
    pool: Pool,
    cache: Cache,
    proxies: Proxies,
    queue: Queue,
    metrics: Metrics,
    finish: Duration,
}

/// Works until SIGTERM or SIGINT.
///
/// # Errors
/// `DATABASE_URL` or `AMQP_URL` is not set, or the port is taken.
pub async fn run(config: ServeConfig) -> anyhow::Result<()> {
    let stop = Stop::on_signals()?;
    let database = config.database.context("a worker needs DATABASE_URL")?;
    let worker = Arc::new(Worker {
        pool: connection::pool(database.write, config.limits, CONNECTIONS)?,
        cache: Cache::new(&config.tiers),
        proxies: Proxies::new(&config.tiers),
        queue: Queue::new(&config.tiers),
        pod: config.pod,
        metrics: Metrics::default(),
        finish: config.tiers.worker_finish.unwrap_or(FINISH),
    });
    anyhow::ensure!(worker.queue.declared(), "a worker needs AMQP_URL");
    let listener = listen(config.port).await?;
    let seen = Arc::clone(&worker);
    let observed = Router::new()
        .route("/healthz", get(crate::web::ops::alive))
        .route("/livez", get(crate::web::ops::alive))
        .route("/metrics", get(async move || crate::web::ops::exposition(&seen.metrics)));
    tokio::spawn(async move { axum::serve(listener, observed).await });
    tracing::info!(pod = worker.pod, queue = worker.queue.name, "working");
    while !stop.now() {
        if let Err(error) = worker.consume(&stop).await {
            tracing::warn!(%error, "no jobs just now");
            tokio::select! { () = stop.told() => (), () = tokio::time::sleep(PAUSE) => () }
        }
    }
    tracing::info!("stopped");
    Ok(())
}

impl Worker {
    /// Works on one connection, until it ends or it is time to stop.
    async fn consume(&self, stop: &Stop) -> Result<(), QueueError> {
        let subscribing = timeout(SUBSCRIBE, self.subscribe());
        let (connection, channel, mut jobs) = subscribing.await.map_err(|_| QueueError::TimedOut("subscribe"))??;
        tracing::info!(queue = self.queue.name, "waiting for jobs");
        loop {
            let job = tokio::select! {
                biased;
                () = stop.told() => break,
                job = jobs.next() => job,
            };
            match job {
                Some(Ok(delivery)) => self.handle(delivery, stop).await?,
                Some(Err(error)) => return Err(error.into()),
                None => return Err(QueueError::TimedOut("the consumer ended")),
            }
        }
        // What the broker sent meanwhile goes back with the channel, or with the connection that ends with this process.
        let goodbye = async {
            channel.basic_cancel(jobs.tag(), BasicCancelOptions::default()).await?;
            channel.close(200, "stopping".into()).await?;
            Ok(connection.close(200, "stopping".into()).await?)
        };
        timeout(SUBSCRIBE, goodbye).await.map_err(|_| QueueError::TimedOut("goodbye"))?
    }

    async fn subscribe(&self) -> Result<(Connection, Channel, Consumer), QueueError> {
        let connection = self.queue.connect(&self.pod).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let (name, tag) = (self.queue.name.as_str(), self.pod.as_str());
        let jobs =
            channel.basic_consume(name.into(), tag.into(), BasicConsumeOptions::default(), FieldTable::default());
        let jobs = jobs.await?;
        Ok((connection, channel, jobs))
    }

    async fn handle(&self, delivery: Delivery, stop: &Stop) -> Result<(), QueueError> {
        let started = Instant::now();
        let job = std::str::from_utf8(&delivery.data).ok().and_then(|text| Uuid::parse_str(text).ok());
        let outcome = match job {
            None => Outcome::Unreadable,
            Some(id) => tokio::select! {
                outcome = self.work(id) => outcome,
                () = async { stop.told().await; tokio::time::sleep(self.finish).await } => Outcome::Returned,
            },
        };
        let word = match outcome {
            Outcome::Made => "made",
            Outcome::NothingToDo => "nothing_to_do",
            Outcome::Refused => "refused",
            Outcome::Unreadable => "unreadable",
            Outcome::Returned => "returned",
        };
        self.metrics.job(word, started.elapsed());
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            job = job.map(|id| id.to_string()),
            redelivered = delivery.redelivered,
            outcome = word,
            ms,
            "job"
        );
        match outcome {
            Outcome::Made | Outcome::NothingToDo | Outcome::Refused => delivery.ack(BasicAckOptions::default()).await?,
            Outcome::Returned | Outcome::Unreadable => {
                let requeue = outcome == Outcome::Returned;
                delivery.nack(BasicNackOptions { requeue, multiple: false }).await?
            }
        };
        Ok(())
    }

    async fn work(&self, id: Uuid) -> Outcome {
        match self.made(id).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(%id, %error, "job goes back to the queue");
                Outcome::Returned
            }
        }
    }

    async fn made(&self, id: Uuid) -> Result<Outcome, Failure> {
        let Some((product, original)) = pictures::work(&self.pool, id, DATABASE).await? else {
            return Ok(Outcome::NothingToDo);
        };
        let made = tokio::task::spawn_blocking(move || thumbnail::make(&original)).await;
        // Only a panic of the decoder gets here, and it would panic again.
        let made = made.unwrap_or_else(|_| Err("The picture cannot be decoded.".to_owned()));
        pictures::finish(&self.pool, id, &made, &self.pod, DATABASE).await?;
        if let Err(reason) = made {
            tracing::info!(%id, reason, "picture refused");
            return Ok(Outcome::Refused);
        }
        if let Err(error) = self.cache.forget(&catalogue::pictures_key(product)).await {
            tracing::warn!(product, %error, "the cache shows the old pictures for a while");
        }
        self.proxies.forget(&catalogue::tag(product)).await;
        Ok(Outcome::Made)
    }
}
