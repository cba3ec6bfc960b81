//! What the API shows of itself over the network: a certificate of the embedded authority, or the administrator's own.

use crate::hub::Hub;
use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;
use wire::tls::{TlsError, api_server_config};

/// How old what is shown may get before it is made or read anew: our own certificates last a year, and those of others
/// are renewed behind our back.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

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

/// The present configuration of TLS, renewed in time.
pub struct Shown {
    files: Option<ApiCertificate>,
    names: Vec<String>,
    config: Arc<ServerConfig>,
    made: Instant,
}

impl Shown {
    pub fn make(hub: &Hub, files: Option<ApiCertificate>, names: Vec<String>) -> Result<Self, ApiError> {
        let config = make(hub, files.as_ref(), &names)?;
        Ok(Self { files, names, config, made: Instant::now() })
    }

    /// Whether whoever trusts the embedded authority trusts this.
    pub fn is_ours(&self) -> bool {
        self.files.is_none()
    }

    /// One that is fresh; where none can be had, the old one goes on and the log says so.
    pub fn config(&mut self, hub: &Hub) -> Arc<ServerConfig> {
        if self.made.elapsed() >= FRESH_FOR {
            self.made = Instant::now();
            match make(hub, self.files.as_ref(), &self.names) {
                Ok(config) => self.config = config,
                Err(error) => tracing::error!(%error, "the API's certificate was not renewed; the old one goes on"),
            }
        }
        Arc::clone(&self.config)
    }
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
