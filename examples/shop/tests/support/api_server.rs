//! A small API server over TLS, with one `ScaledApp`, and the account of a pod for it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use shop::config::status::StatusConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What it takes and gives.
pub struct Behaviour {
    /// The token that it knows.
    pub token: String,
    /// Status code for who has that token.
    pub code: u16,
    /// The status of the `ScaledApp`, JSON.
    pub status: serde_json::Value,
    /// Time before each answer.
    pub delay: Duration,
    /// Paths that it was asked for.
    pub asked: Vec<String>,
}

/// The server; the account's folder goes with it.
pub struct ApiServer {
    pub behaviour: Arc<Mutex<Behaviour>>,
    port: u16,
    account: PathBuf,
    acceptor: Arc<Mutex<TlsAcceptor>>,
}

impl ApiServer {
    pub async fn start(status: serde_json::Value) -> Self {
        let (acceptor, authority) = identity();
        let account = std::env::temp_dir().join(format!("shop-account-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&account).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behaviour =
            Behaviour { token: "first".to_owned(), code: 200, status, delay: Duration::ZERO, asked: Vec::new() };
        let server = Self {
            behaviour: Arc::new(Mutex::new(behaviour)),
            port: listener.local_addr().unwrap().port(),
            account,
            acceptor: Arc::new(Mutex::new(acceptor)),
        };
        for (file, text) in [("token", "first\n"), ("namespace", "shops"), ("ca.crt", authority.as_str())] {
            server.write(file, text);
        }
        let (behaviour, acceptor) = (Arc::clone(&server.behaviour), Arc::clone(&server.acceptor));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (behaviour, acceptor) = (Arc::clone(&behaviour), acceptor.lock().unwrap().clone());
                tokio::spawn(async move { serve(acceptor, stream, &behaviour).await });
            }
        });
        server
    }

    /// How a pod of this account reads the `ScaledApp` shop.
    pub fn config(&self) -> StatusConfig {
        StatusConfig::new("shop".to_owned(), &format!("https://127.0.0.1:{}", self.port), self.account.clone()).unwrap()
    }

    /// As the kubelet writes a file of the account.
    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.account.join(file), text).unwrap();
    }

    /// As after a cluster changed its authority: connections from now on show a certificate of the new one.
    pub fn change_authority(&self) -> String {
        let (acceptor, authority) = identity();
        *self.acceptor.lock().unwrap() = acceptor;
        authority
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    pub fn asked(&self) -> Vec<String> {
        self.behaviour.lock().unwrap().asked.clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.account);
    }
}

/// A certificate of an authority of its own, and that authority.
fn identity() -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &issuer).unwrap().der().clone();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), pem)
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, behaviour: &Mutex<Behaviour>) {
    // A client that does not trust this server goes away in the handshake.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    while let Some(head) = head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let (code, body, delay) = {
            let mut behaviour = behaviour.lock().unwrap();
            let known = head.to_lowercase().contains(&format!("\r\nauthorization: bearer {}\r\n", behaviour.token));
            behaviour.asked.push(path);
            let body = serde_json::json!({"kind": "ScaledApp", "spec": {"mode": "Apply"}, "status": behaviour.status});
            (if known { behaviour.code } else { 401 }, body.to_string(), behaviour.delay)
        };
        tokio::time::sleep(delay).await;
        let answer = format!("HTTP/1.1 {code} said\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn head(stream: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}
