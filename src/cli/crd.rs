//! `scaledapp crd`: the definition to install.

use std::io::Write;

use super::CliError;
use crate::api::crd::crd;

/// The text of `crds/scaledapp.yaml`.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn text() -> Result<String, CliError> {
    super::yaml::to_string(&crd()).map_err(|error| CliError::Usage(format!("cannot write the CRD: {error}")))
}

pub(super) fn run() -> Result<(), CliError> {
    Ok(anstream::stdout().write_all(text()?.as_bytes())?)
}
