//! Starts an agent and keeps it until it is told to stop.

use crate::{
    agent::Agent,
    config::{Config, Ready, ServeError},
    link::listen::Listener,
    session,
    state::StateDirectory,
};
use tokio_util::sync::CancellationToken;
use wire::identity::Identity;

/// Runs the agent. Calls `on_ready` once it listens and its stored spec is in force.
///
/// When `shutdown` is cancelled, links and roots are closed and services are left as they are.
pub async fn serve(
    config: Config,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(Ready),
) -> Result<(), ServeError> {
    let state = StateDirectory::open(&config.state)?;
    let identity = identity(&config)?;
    let listener = Listener::bind(config.listen).await?;
    let listen_addr = listener.address();
    let agent = Agent::start(config, state, identity, shutdown.clone()).await?;
    let listening = tokio::spawn(listener.run(agent.clone(), shutdown.clone()));
    let session = tokio::spawn(session::keep(agent.clone(), shutdown.clone()));
    on_ready(Ready { listen_addr });
    shutdown.cancelled().await;
    let _ = tokio::join!(listening, session);
    agent.close().await;
    Ok(())
}

fn identity(config: &Config) -> Result<Identity, ServeError> {
    let not_joined = |source| ServeError::NotJoined { path: config.state.clone(), source };
    let identity = Identity::load(&config.state).map_err(not_joined)?;
    let subject = identity.subject().map_err(not_joined)?;
    if !subject.is_agent(&config.host) {
        let found = subject.host.map_or_else(|| "the controller".to_owned(), |host| format!("agent {host}"));
        return Err(ServeError::OtherHost { host: config.host.clone(), found });
    }
    Ok(identity)
}
