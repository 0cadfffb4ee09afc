//! One HTTP request to a pod, with a limit of time for all of it. No connection is kept: a pod that
//! was asked ten seconds ago may be another one now.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use k8s_openapi::ByteString;
use serde_json::Value;

/// Answers are small; more is none of ours.
const MOST_BYTES: usize = 1 << 20;

/// Why a request failed.
#[derive(thiserror::Error, Debug)]
pub enum HttpError {
    /// No complete answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// No connection, or it broke.
    #[error("{0}")]
    Broken(String),
}

/// How the caller shows who it is.
#[derive(Clone, Copy)]
pub enum Authorization<'a> {
    /// It does not.
    None,
    /// User and password.
    Basic(&'a str, &'a str),
    /// A token.
    Bearer(&'a str),
}

/// Status and body, `Null` where the body is no JSON: then `text` says what it is.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON.
    pub json: Value,
    /// The beginning of the body.
    pub text: String,
}

/// Asks a pod.
///
/// # Errors
/// When there is no complete answer in time.
pub async fn request(
    to: (IpAddr, u16),
    method: Method,
    path: &str,
    authorization: Authorization<'_>,
    body: Option<&Value>,
    limit: Duration,
) -> Result<Answer, HttpError> {
    let address = SocketAddr::from(to);
    let request = build(address, method, path, authorization, body)?;
    tokio::time::timeout(limit, exchange(address, request)).await.map_err(|_| HttpError::TimedOut(limit))?
}

fn build(
    address: SocketAddr,
    method: Method,
    path: &str,
    authorization: Authorization<'_>,
    body: Option<&Value>,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let mut builder = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    match authorization {
        Authorization::None => {}
        Authorization::Basic(user, password) => {
            builder = builder.header(AUTHORIZATION, format!("Basic {}", base64(&format!("{user}:{password}"))));
        }
        Authorization::Bearer(token) => builder = builder.header(AUTHORIZATION, format!("Bearer {token}")),
    }
    let bytes = body.map_or_else(Bytes::new, |value| {
        builder
            .headers_mut()
            .map(|h| h.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json")));
        Bytes::from(value.to_string())
    });
    builder.body(Full::new(bytes)).map_err(|error| HttpError::Broken(error.to_string()))
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer, HttpError> {
    let broken = |error: &dyn std::error::Error| HttpError::Broken(error.to_string());
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|e| broken(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|e| broken(&e));
    let result = match answer {
        Err(error) => Err(error),
        Ok(response) => {
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
            body.map_err(|e| HttpError::Broken(e.to_string())).map(|body| {
                let bytes = body.to_bytes();
                Answer {
                    status,
                    json: serde_json::from_slice(&bytes).unwrap_or_default(),
                    text: String::from_utf8_lossy(&bytes).chars().take(300).collect(),
                }
            })
        }
    };
    connection.abort();
    result
}

/// Base64 as the API's own byte strings are written.
fn base64(text: &str) -> String {
    match serde_json::to_value(ByteString(text.as_bytes().to_vec())) {
        Ok(Value::String(encoded)) => encoded,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_written_as_basic_authorization_wants_them() {
        assert_eq!(base64("Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
