//! A throw-away RabbitMQ broker from the installed package. It listens on loopback only and is gone with its value.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};

use super::free_port;

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// A broker that starts takes connections and leaves some questions without an answer for ever.
const ANSWER: Duration = Duration::from_secs(10);

pub struct Rabbit {
    home: PathBuf,
    pub port: u16,
    epmd: u16,
    distribution: u16,
    server: Option<Child>,
    /// In front, since a broker that finds none would leave one behind for good.
    mapper: Child,
}

impl Rabbit {
    /// A broker of one node with the default user.
    pub async fn start() -> Self {
        assert!(
            std::path::Path::new(SERVER).exists(),
            "these tests need a real RabbitMQ broker, and there is no {SERVER}: install the package `rabbitmq-server` \
             (apt-get install rabbitmq-server)"
        );
        let home = std::env::temp_dir().join(format!("shop-rabbit-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("plugins"), "[].\n").unwrap();
        let epmd = free_port();
        let mapper = Command::new("epmd")
            .args(["-port", &epmd.to_string(), "-address", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Erlang's port mapper, a part of the broker's package");
        let mut this = Self { home, port: free_port(), epmd, distribution: free_port(), server: None, mapper };
        let settings = format!("listeners.tcp.1 = 127.0.0.1:{}\ndisk_free_limit.absolute = 50MB\n", this.port);
        std::fs::write(this.home.join("rabbitmq.conf"), settings).unwrap();
        this.run().await;
        this
    }

    /// Starts the broker on its old data; waits until it takes connections.
    pub async fn run(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("log")).unwrap();
        let server = Command::new(SERVER)
            .env("HOME", &self.home)
            .env("RABBITMQ_NODENAME", format!("shop{}@localhost", self.port))
            .env("RABBITMQ_MNESIA_BASE", self.home.join("data"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.home.join("plugins"))
            .env("RABBITMQ_CONFIG_FILE", self.home.join("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_PID_FILE", self.home.join("pid"))
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let until = Instant::now() + Duration::from_secs(90);
        while let Err(why) = self.connect().await {
            let log = || std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "RabbitMQ does not start: {why}: {}", log());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    async fn connect(&self) -> Result<(Connection, Channel), String> {
        answered("connection", async {
            let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            Ok((connection, channel))
        })
        .await
    }

    /// A channel of the test's own; with its connection, which it would not outlive.
    pub async fn channel(&self) -> (Connection, Channel) {
        self.connect().await.unwrap()
    }

    /// Declares a durable queue. Not a quorum queue, as the operator's are: on a lone broker some versions before 4 find no leader for one after
    /// a kill, and what is tried here is the shop.
    pub async fn declare(&self, queue: &str) {
        let (_connection, channel) = self.channel().await;
        let declared = channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), FieldTable::default());
        answered("declaration", declared).await.unwrap();
    }

    /// Messages that wait for a worker.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let (_connection, channel) = self.channel().await;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
        let asked = channel.queue_declare(queue.into(), options, FieldTable::default());
        answered("question for the queue", asked).await.unwrap().message_count()
    }

    /// SIGKILL to all its processes, as a lost node would look from outside.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let group = format!("kill -s KILL -- -{}", server.id());
            assert!(Command::new("sh").args(["-c", &group]).status().unwrap().success());
            server.wait().unwrap();
        }
    }
}

async fn answered<T>(what: &str, answer: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: no answer within {ANSWER:?}")),
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(60).collect();
            eprintln!("the broker's last words:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        self.kill();
        let _stopped = self.mapper.kill().and_then(|()| self.mapper.wait());
        let _removed = std::fs::remove_dir_all(&self.home);
    }
}
