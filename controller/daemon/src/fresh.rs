//! A configuration of TLS that is made anew before what it shows grows old.

use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_rustls::rustls::ServerConfig;

/// How old what is shown may get: our own certificates last a year, and those of others are renewed behind our back.
const FRESH_FOR: Duration = Duration::from_secs(60 * 60);

type Make<E> = Box<dyn Fn() -> Result<Arc<ServerConfig>, E> + Send + Sync>;

/// The present configuration, and how the next one is made.
pub struct Fresh<E> {
    /// Whose certificate it is, for the log.
    whose: &'static str,
    make: Make<E>,
    config: Arc<ServerConfig>,
    made: Instant,
}

impl<E: Error + 'static> Fresh<E> {
    pub fn make(
        whose: &'static str,
        make: impl Fn() -> Result<Arc<ServerConfig>, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let config = make()?;
        Ok(Self { whose, make: Box::new(make), config, made: Instant::now() })
    }

    /// One that is fresh; where none can be had, the old one goes on and the log says so.
    pub fn config(&mut self) -> Arc<ServerConfig> {
        self.config_at(Instant::now())
    }

    fn config_at(&mut self, now: Instant) -> Arc<ServerConfig> {
        if now.saturating_duration_since(self.made) >= FRESH_FOR {
            self.made = now;
            match (self.make)() {
                Ok(config) => self.config = config,
                Err(error) => {
                    let error: &dyn Error = &error;
                    tracing::error!(error, "the certificate of {} was not renewed; the old one goes on", self.whose);
                }
            }
        }
        Arc::clone(&self.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use wire::{
        identity::{Authority, IdentityError},
        tls::{ClientCertificate, server_config},
    };

    #[test]
    fn what_is_shown_is_made_anew_every_hour_and_a_failure_leaves_the_old_one() {
        let identity = Authority::create().unwrap().issue_controller(&[]).unwrap();
        let made = AtomicUsize::new(0);
        let mut fresh = Fresh::make("a test", move || match made.fetch_add(1, Ordering::Relaxed) {
            1 => Err(IdentityError::Random),
            _ => Ok(server_config(&identity, ClientCertificate::Optional).unwrap()),
        })
        .unwrap();
        let (first, start) = (fresh.config(), fresh.made);
        assert!(Arc::ptr_eq(&first, &fresh.config_at(start + FRESH_FOR / 2)), "it is fresh");
        assert!(Arc::ptr_eq(&first, &fresh.config_at(start + FRESH_FOR)), "the next one could not be made");
        assert!(!Arc::ptr_eq(&first, &fresh.config_at(start + 2 * FRESH_FOR)));
    }
}
