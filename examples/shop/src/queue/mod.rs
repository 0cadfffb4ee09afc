//! Jobs for the workers. A job counts as queued only when the broker confirmed it and did not return it: an unroutable message is confirmed as well.
//!
//! It must never wait on a connection that said nothing in time: the next try makes a new one, which the router leads to a live node.

pub mod worker;

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::tiers::{THUMBNAILS, Tiers};
use crate::db::retry::Patience;

const CONNECT: Duration = Duration::from_secs(2);
const CONFIRM: Duration = Duration::from_secs(2);
/// Seconds; two missed ones end a connection.
const HEARTBEAT: u16 = 5;
const PERSISTENT: u8 = 2;

/// Why a job is not queued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueueError {
    /// `AMQP_URL` is not set.
    #[error("this shop has no queue")]
    Off,
    /// A step took longer than its limit.
    #[error("no answer in time: {0}")]
    TimedOut(&'static str),
    /// The broker confirmed the message and returned it: there is no such queue.
    #[error("the broker has no queue of this name")]
    Unroutable,
    /// The broker refused the message: the queue is full.
    #[error("the broker refused the job: its queue is full")]
    Refused,
    /// What the driver or the broker said.
    #[error("{0}")]
    Broker(#[from] lapin::Error),
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that wait.
    pub waiting: u32,
    /// Workers that listen.
    pub workers: u32,
}

struct Open {
    connection: Connection,
    channel: Channel,
}

/// The queue of the thumbnails, or the lack of one.
#[derive(Default)]
pub struct Queue {
    uri: Option<AMQPUri>,
    name: String,
    current: Mutex<Option<Open>>,
}

impl Queue {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(tiers: &Tiers) -> Self {
        // It was parsed when the variables were read; should it fail here all the same, there is no queue.
        let uri = tiers.queue.as_ref().and_then(|url| url.parse().ok()).map(|mut uri: AMQPUri| {
            uri.query.heartbeat = Some(HEARTBEAT);
            uri
        });
        let name = tiers.queue_name.clone().unwrap_or_else(|| THUMBNAILS.to_owned());
        Self { uri, name, current: Mutex::new(None) }
    }

    /// Whether there is a queue.
    #[must_use]
    pub fn declared(&self) -> bool {
        self.uri.is_some()
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a job could be queued now, as far as a connection tells; spares the work that comes before [`Self::publish`].
    ///
    /// # Errors
    /// See [`QueueError`].
    pub async fn ready(&self) -> Result<(), QueueError> {
        timeout(CONNECT * 2, self.channel()).await.map_err(|_| QueueError::TimedOut("connect"))?.map(drop)
    }

    /// Queues a job; returns after the broker's confirmation. A job may be queued twice: workers know it by its key.
    ///
    /// # Errors
    /// The last failure when the deadline has passed; the job may or may not be queued then.
    pub async fn publish(&self, job: &[u8], deadline: Duration) -> Result<(), QueueError> {
        let mut patience = Patience::new(deadline);
        loop {
            patience.tries += 1;
            let limit = CONFIRM.min(patience.left());
            let error = match timeout(limit + CONNECT, self.publish_once(job))
                .await
                .unwrap_or(Err(QueueError::TimedOut("confirm")))
            {
                Ok(()) => return Ok(()),
                Err(error @ (QueueError::Off | QueueError::Unroutable | QueueError::Refused)) => return Err(error),
                Err(error) => error,
            };
            self.give_up().await;
            tracing::info!(%error, attempt = patience.tries, "job is not queued yet");
            if !patience.pause().await {
                return Err(error);
            }
        }
    }

    async fn publish_once(&self, job: &[u8]) -> Result<(), QueueError> {
        let channel = self.channel().await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties =
            BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type("text/plain".into());
        let confirmed = async {
            channel.basic_publish("".into(), self.name.as_str().into(), options, job, properties).await?.await
        };
        match timeout(CONFIRM, confirmed).await.map_err(|_| QueueError::TimedOut("confirm"))?? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(QueueError::Unroutable),
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(QueueError::Refused),
        }
    }

    /// What the queue holds, asked on a channel of its own: a queue that is missing closes the channel that asks.
    ///
    /// # Errors
    /// See [`QueueError`].
    pub async fn backlog(&self) -> Result<Backlog, QueueError> {
        let asked = async {
            self.channel().await?;
            let channel = match &*self.current.lock().await {
                Some(open) => open.connection.create_channel().await?,
                None => return Err(QueueError::TimedOut("channel")),
            };
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let queue = channel.queue_declare(self.name.as_str().into(), options, FieldTable::default()).await?;
            let backlog = Backlog { waiting: queue.message_count(), workers: queue.consumer_count() };
            channel.close(200, "asked".into()).await?;
            Ok(backlog)
        };
        let answer = timeout(Duration::from_secs(1), asked).await.unwrap_or(Err(QueueError::TimedOut("backlog")));
        if let Err(error) = &answer
            && !matches!(error, QueueError::Off)
        {
            self.give_up().await;
        }
        answer
    }

    async fn channel(&self) -> Result<Channel, QueueError> {
        let mut current = self.current.lock().await;
        if let Some(open) = &*current
            && open.connection.status().connected()
            && open.channel.status().connected()
        {
            return Ok(open.channel.clone());
        }
        *current = None;
        let connection = self.connect("shop").await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *current = Some(Open { connection, channel: channel.clone() });
        Ok(channel)
    }

    async fn connect(&self, name: &str) -> Result<Connection, QueueError> {
        let uri = self.uri.clone().ok_or(QueueError::Off)?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(uri, properties);
        Ok(timeout(CONNECT, connecting).await.map_err(|_| QueueError::TimedOut("connect"))??)
    }

    async fn give_up(&self) {
        *self.current.lock().await = None;
    }
}
