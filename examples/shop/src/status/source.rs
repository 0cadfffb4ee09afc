//! Asks the API server for the status, with the account that Kubernetes gives the pod.
//!
//! All viewers share one answer, and one question while that is too old. It must never keep a page waiting for long, and never
//! keep a token: the one in the file is renewed while the pod runs.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::AppStatus;
use crate::config::status::StatusConfig;

/// For how long an answer is shown to all; the page asks every two seconds.
const FRESH: Duration = Duration::from_millis(1500);
/// Files, connection, TLS and answer together.
const PATIENT: Duration = Duration::from_millis(900);
/// Above what an API server stores of one object.
const LARGEST: usize = 3 * 1024 * 1024;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// A file of the account cannot be read.
    #[error("{file} of this pod's account cannot be read ({error}): the service needs a serviceAccountName")]
    Account {
        /// Which one.
        file: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The account's authority is none.
    #[error("ca.crt of this pod's account holds no certificate that can be used")]
    Authority,
    /// Token, namespace or address are no part of a request.
    #[error("the token or the namespace of this pod's account cannot be sent")]
    Unsendable,
    /// Nothing came in time.
    #[error("the API server did not answer within {} ms", PATIENT.as_millis())]
    Silent,
    /// No connection, or one that broke.
    #[error("the API server cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// 401.
    #[error("the API server does not know the token of this pod's account (401)")]
    Unknown,
    /// 403.
    #[error("this pod's account may not read the status (403): it needs a Role with get on scaledapps, name {0}")]
    Forbidden(String),
    /// 404.
    #[error("there is no ScaledApp {name} in namespace {namespace} (404)")]
    Absent {
        /// The name that was asked for.
        name: String,
        /// The pod's namespace.
        namespace: String,
    },
    /// Any other answer.
    #[error("the API server answered {0}")]
    Unexpected(StatusCode),
    /// Not what a `ScaledApp` looks like.
    #[error("the API server's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// The newest status, or why there is none.
pub type Told = Result<Arc<AppStatus>, Arc<Untold>>;

/// The operator's word, or the lack of one.
#[derive(Default)]
pub struct Operator(Option<Source>);

struct Source {
    config: StatusConfig,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    newest: Option<(Instant, Told)>,
    link: Option<Link>,
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A client, and the authority that it trusts: a cluster may change its own.
struct Link {
    authority: Vec<u8>,
    client: HttpsClient,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    status: AppStatus,
}

impl Operator {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(config: Option<StatusConfig>) -> Self {
        Self(config.map(|config| Source { config, shared: Mutex::default() }))
    }

    /// A status that is at most [`FRESH`] old, or why there is none; nothing where nobody named a `ScaledApp`.
    pub async fn told(&self) -> Option<Told> {
        let source = self.0.as_ref()?;
        // Whoever comes while one asks waits here, and takes that answer.
        let mut shared = source.shared.lock().await;
        if let Some((at, told)) = &shared.newest
            && at.elapsed() < FRESH
        {
            return Some(told.clone());
        }
        let answer = timeout(PATIENT, ask(&source.config, &mut shared.link)).await.unwrap_or(Err(Untold::Silent));
        let told = answer.map(Arc::new).map_err(Arc::new);
        if let Err(untold) = &told {
            let cause = std::error::Error::source(untold).map(ToString::to_string);
            tracing::warn!(error = %untold, cause, "no status of the operator");
        }
        shared.newest = Some((Instant::now(), told.clone()));
        Some(told)
    }
}

async fn ask(config: &StatusConfig, link: &mut Option<Link>) -> Result<AppStatus, Untold> {
    let token = account(config, "token").await?;
    let namespace = account(config, "namespace").await?;
    let authority = account(config, "ca.crt").await?;
    let (token, namespace) = (text(&token)?, text(&namespace)?);
    let client = match link {
        Some(link) if link.authority == authority => &link.client,
        _ => {
            let client = client(&authority)?;
            &link.insert(Link { authority, client }).client
        }
    };
    let base = config.api_server.to_string();
    let path = format!("/apis/scaledapp.dev/v1alpha1/namespaces/{namespace}/scaledapps/{}", config.name);
    let request = Request::get(format!("{}{path}", base.trim_end_matches('/')))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "shop")
        .body(Empty::new())
        .map_err(|_| Untold::Unsendable)?;
    let answer = client.request(request).await.map_err(|error| Untold::Unreachable(error.into()))?;
    match answer.status() {
        StatusCode::OK => (),
        StatusCode::UNAUTHORIZED => return Err(Untold::Unknown),
        StatusCode::FORBIDDEN => return Err(Untold::Forbidden(config.name.clone())),
        StatusCode::NOT_FOUND => {
            return Err(Untold::Absent { name: config.name.clone(), namespace: namespace.to_owned() });
        }
        status => return Err(Untold::Unexpected(status)),
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(Untold::Unreachable)?.to_bytes();
    serde_json::from_slice::<Object>(&body).map(|object| object.status).map_err(Untold::Unreadable)
}

async fn account(config: &StatusConfig, file: &'static str) -> Result<Vec<u8>, Untold> {
    tokio::fs::read(config.account.join(file)).await.map_err(|error| Untold::Account { file, error })
}

fn text(file: &[u8]) -> Result<&str, Untold> {
    std::str::from_utf8(file).map(str::trim).map_err(|_| Untold::Unsendable)
}

fn client(authority: &[u8]) -> Result<HttpsClient, Untold> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate.map_err(|_| Untold::Authority)?).map_err(|_| Untold::Authority)?;
    }
    if roots.is_empty() {
        return Err(Untold::Authority);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Untold::Authority)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_connect_timeout(Some(PATIENT / 2));
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(plain);
    Ok(Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector))
}
