//! A throw-away PostgreSQL server from the installed binaries. It listens on loopback only and is gone with its value.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The user `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

pub struct Postgres {
    bin: PathBuf,
    home: PathBuf,
    pub port: u16,
    server: Option<Child>,
}

fn installed() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().collect::<Vec<_>>())
        .unwrap_or_default();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let mut paths: Vec<_> =
        versions.iter().map(std::fs::DirEntry::path).filter(|path| path.join("bin/postgres").exists()).collect();
    paths.sort_by_key(|path| version(path));
    paths.pop().map(|path| path.join("bin")).expect(
        "these tests need a real PostgreSQL server, and none is under /usr/lib/postgresql/*/bin: install the package `postgresql` \
         (apt-get install postgresql)",
    )
}

impl Postgres {
    /// A fresh server with the database `app` and the schema of nobody yet.
    pub fn start() -> Self {
        let home = std::env::temp_dir().join(format!("shop-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&home).unwrap();
        if am_root() {
            chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut this = Self { bin: installed(), home, port, server: None };
        let data = this.data();
        let made = this
            .command("initdb", &["-D", &data, "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        this.run();
        this.sql("postgres", "CREATE DATABASE app");
        this
    }

    fn data(&self) -> String {
        self.home.join("data").to_string_lossy().into_owned()
    }

    pub fn url(&self) -> String {
        format!("postgresql://app@127.0.0.1:{}/app", self.port)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.bin.join(program);
        let mut command = if am_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(&self.home).stdin(Stdio::null());
        command
    }

    /// Starts the server on its old data; waits until it takes connections.
    pub fn run(&mut self) {
        let (data, port) = (self.data(), self.port.to_string());
        let settings =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=40", "cluster_name=shop-test"];
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("log")).unwrap();
            let mut command = self.command("postgres", &["-D", &data, "-p", &port]);
            for setting in settings {
                command.args(["-c", setting]);
            }
            let mut server = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
            // After a kill the first tries may fail while the last backend of the old server still holds its shared memory.
            while server.try_wait().unwrap().is_none() {
                if self.answers() {
                    self.server = Some(server);
                    return;
                }
                assert!(Instant::now() < until, "no answer from PostgreSQL: {}", self.log());
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(Instant::now() < until, "PostgreSQL does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn answers(&self) -> bool {
        let port = self.port.to_string();
        let asked = self.command("pg_isready", &["-q", "-h", "127.0.0.1", "-p", &port]).status();
        asked.is_ok_and(|status| status.success())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// SIGKILL to the postmaster, as a lost node would look from outside; its backends follow by themselves.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// One statement by psql as superuser; the output without headers.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let port = self.port.to_string();
        let arguments = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "app",
            "-d",
            database,
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ];
        let answer = self.command("psql", &arguments).output().unwrap();
        assert!(answer.status.success(), "{statement}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
        // The backends leave within moments of their postmaster; until then they may still write.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.home).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn am_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
