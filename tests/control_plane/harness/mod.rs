//! A real API server for tests: etcd and kube-apiserver as plain processes on loopback, one pair
//! for the whole test binary, a namespace for each test. No kubelet and no controllers run, so a
//! test plays their part where it needs one.

#![allow(dead_code)]

pub mod app;
pub mod operator;
pub mod proxy;
pub mod world;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::config::AuthInfo;
use kube::{Client, Config};

/// Where the multi-call binary with `kube-apiserver` is.
const KUBE_BIN: &str = "SCALEDAPP_KUBE_BIN";
/// The user that may do everything.
const ADMIN: &str = "admin-token";
/// The user that has the operator's own rights.
const OPERATOR: &str = "operator-token";

/// The running pair. The shell that started it ends both when this process is gone, however it ended.
struct Server {
    port: u16,
    directory: PathBuf,
    _shell: Child,
}

static SERVER: Mutex<Option<Server>> = Mutex::new(None);

/// Address and directory of the server, started by the first who asks.
fn server() -> (u16, PathBuf) {
    let mut slot = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = slot.get_or_insert_with(start);
    (server.port, server.directory.clone())
}

/// Configuration of a client that may do everything.
pub fn admin_config() -> Config {
    config(ADMIN)
}

/// Configuration of a client with the operator's rights.
pub fn operator_config() -> Config {
    config(OPERATOR)
}

fn config(token: &str) -> Config {
    let (port, _) = server();
    let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
    config.accept_invalid_certs = true;
    config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    config
}

/// A kubeconfig with the operator's rights.
pub fn operator_kubeconfig() -> String {
    kubeconfig(&format!("token: {OPERATOR}"))
}

/// A kubeconfig of a user who has no rights at all.
pub fn stranger_kubeconfig() -> String {
    kubeconfig(&format!("token: {ADMIN}, as: stranger"))
}

/// A kubeconfig of nobody whom the server knows.
pub fn unknown_kubeconfig() -> String {
    kubeconfig("token: made-up")
}

fn kubeconfig(user: &str) -> String {
    let (port, _) = server();
    format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{port}', insecure-skip-tls-verify: true}}}}], \
         users: [{{name: u, user: {{{user}}}}}]}}"
    )
}

/// A client that may do everything.
pub fn admin() -> Client {
    Client::try_from(admin_config()).unwrap()
}

fn start() -> Server {
    let binary = std::env::var_os(KUBE_BIN).unwrap_or_else(|| {
        panic!("{KUBE_BIN} is not set: it names the binary of the local cluster tool that holds kube-apiserver; `make test` builds it and sets it")
    });
    assert!(Path::new(&binary).is_file(), "{KUBE_BIN} names {}, which is no file", binary.display());
    let directory = tempfile::Builder::new().prefix("scaledapp-api-").tempdir().unwrap().keep();
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(directory.join("accounts.key"), key.serialize_pem()).unwrap();
    fs::write(directory.join("accounts.pub"), key.public_key_pem()).unwrap();
    let users = format!("{ADMIN},admin,admin,\"system:masters\"\n{OPERATOR},operator,operator,\"operators\"\n");
    fs::write(directory.join("tokens.csv"), users).unwrap();
    let (client_port, peer_port, port) = (free_port(), free_port(), free_port());
    // Ended for good: without its etcd an API server that is only told to stop may go on for hours, and its data are thrown away.
    let script = format!(
        "cd {dir} || exit 1
         etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:{client_port} \
           --advertise-client-urls http://127.0.0.1:{client_port} --listen-peer-urls http://127.0.0.1:{peer_port} >etcd.log 2>&1 &
         etcd=$!
         \"$KUBE\" kube-apiserver --etcd-servers=http://127.0.0.1:{client_port} --secure-port={port} --bind-address=127.0.0.1 \
           --advertise-address=127.0.0.1 --cert-dir=certs --token-auth-file=tokens.csv --anonymous-auth=false --authorization-mode=RBAC \
           --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=accounts.key \
           --service-account-key-file=accounts.pub --disable-admission-plugins=ServiceAccount \
           --service-cluster-ip-range=10.96.0.0/16 >apiserver.log 2>&1 &
         api=$!
         echo $api >apiserver.pid
         cat >/dev/null
         kill -KILL $api $etcd; wait; cd /; rm -rf {dir}",
        dir = directory.display(),
    );
    let shell = Command::new("sh")
        .args(["-c", &script])
        .env("KUBE", binary)
        .env_remove("ETCD_NAME")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_ready(port, &directory);
    Server { port, directory, _shell: shell }
}

fn wait_ready(port: u16, directory: &Path) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(90) {
        let ready = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
                config.accept_invalid_certs = true;
                config.auth_info = AuthInfo { token: Some(ADMIN.to_owned().into()), ..AuthInfo::default() };
                let client = Client::try_from(config).unwrap();
                let request = hyper::Request::get("/readyz").body(Vec::new()).unwrap();
                if client.request_text(request).await.is_err() {
                    return false;
                }
                world::install(&client).await;
                true
            })
        })
        .join()
        .unwrap();
        if ready {
            return;
        }
        if fs::read_to_string(directory.join("apiserver.log")).is_ok_and(|log| log.contains("command failed")) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let log = fs::read_to_string(directory.join("apiserver.log")).unwrap_or_default();
    let end = log.len().saturating_sub(2000);
    panic!("the API server did not become ready; its log ends with: {}", &log[end..]);
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until an answer comes; fails with the question after the time.
pub async fn eventually<T, F, Fut>(what: &str, within: Duration, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
