//! What the API shows of itself over the network: a certificate of the embedded authority, or the administrator's own.

use crate::{fresh::Fresh, hub::Hub};
use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::ServerConfig;
use wire::tls::{TlsError, api_server_config};

/// Largest certificate or key file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Files of a certificate that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCertificate {
    /// PEM, the leaf first.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why the API is not served over the network.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{address} could not be bound; spec.api.listen names another address, and spec.api.enabled can be false")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("{} could not be read", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} can be read by everybody; a key is for its owner: chmod o= {}", .0.display(), .0.display())]
    OpenKey(PathBuf),
    #[error("the certificate is not usable")]
    Tls(#[from] TlsError),
}

/// The certificate of the embedded authority for `names`, or what the files hold now.
pub fn shown(hub: &Arc<Hub>, files: Option<ApiCertificate>, names: Vec<String>) -> Result<Fresh<ApiError>, ApiError> {
    let hub = Arc::clone(hub);
    Fresh::make("the API", move || make(&hub, files.as_ref(), &names))
}

fn make(hub: &Hub, files: Option<&ApiCertificate>, names: &[String]) -> Result<Arc<ServerConfig>, ApiError> {
    let Some(files) = files else {
        let identity = hub.authority.issue_controller(names).map_err(TlsError::Identity)?;
        return Ok(api_server_config(&(identity.certificate + &identity.authority), &identity.key)?);
    };
    let key = read(&files.key)?;
    let mode = fs::metadata(&files.key).map(|about| about.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o007 != 0) {
        return Err(ApiError::OpenKey(files.key.clone()));
    }
    Ok(api_server_config(&read(&files.certificate)?, &key)?)
}

fn read(path: &Path) -> Result<String, ApiError> {
    let failed = |source| ApiError::File { path: path.to_owned(), source };
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() || about.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file of at most 1 MiB")));
    }
    fs::read_to_string(path).map_err(failed)
}
