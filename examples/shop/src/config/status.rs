//! Where the operator's status is to be read. It must never read a token itself: tokens are renewed, and a start is too early.

use std::path::PathBuf;

use hyper::Uri;
use hyper::http::uri::Scheme;

use super::ConfigError;
use super::tiers::{invalid, said};

/// Where Kubernetes puts the account of a pod that has one: token, authority and namespace.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The name that each cluster's API server has inside, and its certificate too.
const API_SERVER: &str = "https://kubernetes.default.svc";

/// The shop's own `ScaledApp`, and the way to it.
#[derive(Debug, Clone)]
pub struct StatusConfig {
    /// `SCALEDAPP_NAME`: its name.
    pub name: String,
    /// `KUBERNETES_API`: the API server; `https://kubernetes.default.svc` when nothing is said.
    pub api_server: Uri,
    /// `KUBERNETES_ACCOUNT`: the folder with `token`, `ca.crt` and `namespace`; where Kubernetes puts it when nothing is said.
    pub account: PathBuf,
}

impl StatusConfig {
    /// Reads the variables above; without a name there is no status to read.
    ///
    /// # Errors
    /// A name or an address that is none.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        let Some(name) = said("SCALEDAPP_NAME") else { return Ok(None) };
        let api_server = said("KUBERNETES_API").unwrap_or_else(|| API_SERVER.to_owned());
        let account = said("KUBERNETES_ACCOUNT").unwrap_or_else(|| ACCOUNT.to_owned());
        Self::new(name, &api_server, account.into()).map(Some)
    }

    /// # Errors
    /// A name that Kubernetes would not take, or an address that is not https: a token goes there.
    pub fn new(name: String, api_server: &str, account: PathBuf) -> Result<Self, ConfigError> {
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
        if !name.chars().all(fits) {
            return Err(invalid("SCALEDAPP_NAME", &"it has other letters than the name of a ScaledApp"));
        }
        let uri: Uri =
            api_server.parse().map_err(|error: hyper::http::uri::InvalidUri| invalid("KUBERNETES_API", &error))?;
        if uri.scheme() != Some(&Scheme::HTTPS) || uri.authority().is_none() {
            return Err(invalid("KUBERNETES_API", &"it has to look like https://host:port"));
        }
        Ok(Self { name, api_server: uri, account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_https_alone() {
        let config = |name: &str, url| StatusConfig::new(name.to_owned(), url, ACCOUNT.into());
        assert!(config("shop", API_SERVER).is_ok() && config("shop", "https://127.0.0.1:6443").is_ok());
        for url in ["http://kubernetes.default.svc", "kubernetes.default.svc", "https://"] {
            assert!(config("shop", url).unwrap_err().to_string().contains("KUBERNETES_API"), "{url}");
        }
        assert!(config("shop/../other", API_SERVER).unwrap_err().to_string().contains("SCALEDAPP_NAME"));
    }
}
