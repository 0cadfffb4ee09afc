//! A throw-away Redis server from the installed binary. It listens on loopback only and is gone with its value.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shop::config::tiers::redis_url;

use super::free_port;

pub struct Redis {
    home: PathBuf,
    pub port: u16,
    master: Option<u16>,
    server: Option<Child>,
}

impl Redis {
    /// A master that keeps what it has over a restart.
    pub fn start() -> Self {
        Self::new(None)
    }

    /// A replica of that master, in step with it.
    pub fn replica_of(master: &Self) -> Self {
        let replica = Self::new(Some(master.port));
        let until = Instant::now() + Duration::from_secs(20);
        while !replica.cli(&["INFO", "replication"]).contains("master_link_status:up") {
            assert!(Instant::now() < until, "the replica does not reach its master");
            std::thread::sleep(Duration::from_millis(50));
        }
        replica
    }

    fn new(master: Option<u16>) -> Self {
        let home = std::env::temp_dir().join(format!("shop-redis-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&home).unwrap();
        let mut this = Self { home, port: free_port(), master, server: None };
        this.run();
        this
    }

    /// Starts the server on its old data; waits until it answers.
    pub fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "yes"]);
        command.args(["--repl-diskless-sync-delay", "0"]);
        command.arg("--dir").arg(&self.home);
        if let Some(master) = self.master {
            command.args(["--replicaof", "127.0.0.1", &master.to_string()]);
        }
        let log = std::fs::File::create(self.home.join("log")).unwrap();
        let started = command.stdin(Stdio::null()).stdout(log).spawn();
        self.server = Some(started.expect(
            "these tests need a real Redis server: install the package `redis-server` (apt-get install redis-server)",
        ));
        let until = Instant::now() + Duration::from_secs(20);
        while self.cli(&["PING"]).trim() != "PONG" {
            assert!(
                Instant::now() < until,
                "Redis does not start: {:?}",
                std::fs::read_to_string(self.home.join("log"))
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, as a lost node would look from outside.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// The server stands still with its sockets open, as a node that hangs; `CONT` lets it go on.
    pub fn signal(&self, name: &str) {
        let id = self.server.as_ref().unwrap().id();
        assert!(Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap().success());
    }

    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn client(&self) -> redis::Client {
        redis_url("CACHE_URL", &format!("redis://127.0.0.1:{}/0", self.port)).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _removed = std::fs::remove_dir_all(&self.home);
    }
}
