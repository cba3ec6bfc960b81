//! A controller that can be stopped, killed and started again, with its agents.

use crate::{
    agent::{self, Agent, Report},
    http::{self, Answer},
};
use controller::{Config, Follow, ServeError, serve};
use model::{
    HostName, ScenarioName,
    view::{RunState, RunView, Verb},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{oneshot, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use wire::{
    api::{ApplyRequest, ApplyResult, ManifestFile, RunOptions, RunRequest, StoredScenario, Token, TokenRequest},
    identity::{Identity, LEAF_LIFETIME},
};

const WAIT: Duration = Duration::from_secs(30);

/// The runtime of a controller, how to stop it, and what it ended with.
type Running = (Runtime, CancellationToken, oneshot::Receiver<Result<(), ServeError>>);

pub struct Fixture {
    pub temp: TempDir,
    pub address: watch::Sender<SocketAddr>,
    pub follow: Option<Follow>,
    pub certificate_lifetime: Duration,
    /// Where people with tokens connect.
    pub api: Option<controller::ApiConfig>,
    pub api_address: Option<SocketAddr>,
    running: Option<Running>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fixture {
    pub async fn start() -> Self {
        Self::made(None, |_| None).await
    }

    /// One that follows what `follow` says about a temporary directory.
    pub async fn following(follow: impl FnOnce(&Path) -> Option<Follow>) -> Self {
        Self::made(None, follow).await
    }

    /// Starts one that is reached over the network too.
    pub async fn start_with(api: Option<controller::ApiConfig>) -> Self {
        Self::made(api, |_| None).await
    }

    async fn made(api: Option<controller::ApiConfig>, follow: impl FnOnce(&Path) -> Option<Follow>) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let follow = follow(temp.path());
        let address = watch::channel(SocketAddr::from(([127, 0, 0, 1], 0))).0;
        let mut fixture =
            Self { temp, address, follow, certificate_lifetime: LEAF_LIFETIME, api, api_address: None, running: None };
        fixture.open().await;
        fixture
    }

    pub fn config(&self) -> Config {
        Config {
            state: self.temp.path().join("state"),
            socket: self.socket(),
            certificate_lifetime: self.certificate_lifetime,
            agent_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
            follow: self.follow.clone(),
            api: self.api.clone(),
            version: "0.1.0".to_owned(),
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.temp.path().join("controller.sock")
    }

    /// Starts the controller in a runtime of its own, so that it can be killed with everything it does.
    pub async fn open(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (stop, (ready, is_ready), (end, ended)) =
            (CancellationToken::new(), oneshot::channel(), oneshot::channel());
        let (config, shutdown) = (self.config(), stop.clone());
        runtime.spawn(async move {
            let tell = |at: controller::Ready| {
                let _ = ready.send(at);
            };
            let result = serve(config, shutdown, tell).await;
            let _ = end.send(result);
        });
        self.running = Some((runtime, stop, ended));
        match is_ready.await {
            Ok(at) => {
                self.api_address = at.api_addr;
                self.address.send_replace(at.agent_addr);
            }
            Err(_) => panic!("not ready: {:?}", self.running.take().unwrap().2.await),
        }
    }

    /// Ends the controller between any two of its instructions that may wait.
    pub fn kill(&mut self) {
        if let Some((runtime, _, _)) = self.running.take() {
            std::thread::spawn(move || runtime.shutdown_timeout(WAIT)).join().unwrap();
        }
    }

    pub async fn stop(&mut self) -> Result<(), ServeError> {
        let (runtime, stop, ended) = self.running.take().unwrap();
        stop.cancel();
        let result = ended.await.unwrap();
        runtime.shutdown_background();
        result
    }

    pub async fn get(&self, path: &str) -> Answer {
        http::get(&self.socket(), path).await
    }

    pub async fn post<T: serde::Serialize>(&self, path: &str, body: &T) -> Answer {
        http::post(&self.socket(), path, body).await
    }

    pub async fn apply(&self, text: &str) -> ApplyResult {
        self.post("/v1/apply", &set(text)).await.ok()
    }

    /// A join token for a host, which is declared when it is not yet.
    pub async fn token(&self, host: &str) -> Token {
        if self.get(&format!("/v1/hosts/{host}")).await.status == 404 {
            self.apply(&declared(host)).await;
        }
        self.post("/v1/tokens", &TokenRequest { host: HostName::from(host), ttl_seconds: 60 }).await.ok()
    }

    pub async fn join(&self, host: &str) -> Identity {
        let token = self.token(host).await;
        agent::join(*self.address.borrow(), &token.token, host).await.unwrap()
    }

    pub async fn agent(&self, host: &str, report: Report) -> Agent {
        Agent::start(self.address.subscribe(), &self.join(host).await, host, report)
    }

    pub async fn scenario(&self) -> StoredScenario {
        self.get("/v1/scenarios/shop").await.ok()
    }

    /// Waits until the scenario is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&StoredScenario) -> bool) -> StoredScenario {
        let deadline = Instant::now() + WAIT;
        loop {
            let scenario = self.scenario().await;
            if wanted(&scenario) {
                return scenario;
            }
            assert!(Instant::now() < deadline, "never {what}: {:#?}", scenario.status);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a run is as wanted.
    pub async fn run_until(&self, id: &str, what: &str, wanted: impl Fn(&RunView) -> bool) -> RunView {
        let deadline = Instant::now() + WAIT;
        loop {
            let run: RunView = self.get(&format!("/v1/runs/{id}")).await.ok();
            if wanted(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "never {what}: {run:#?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts a run as soon as nothing blocks it any more.
    pub async fn started(&self, request: &RunRequest) -> RunView {
        let deadline = Instant::now() + WAIT;
        loop {
            let answer = self.post("/v1/runs", request).await;
            if answer.status == 200 {
                return answer.ok();
            }
            assert!(Instant::now() < deadline && answer.status == 412, "never started: {}", answer.body);
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn run_done(&self, id: &str) -> RunView {
        self.run_until(id, "done", |run| run.state == RunState::Done).await
    }
}

/// A Host as in `SHOP`.
fn declared(host: &str) -> String {
    let port = if host == "mx1" { 7001 } else { 7002 };
    format!(
        "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {{name: {host}}}\nspec: {{replicationAddress: '127.0.0.1:{port}'}}\n"
    )
}

pub fn set(text: &str) -> ApplyRequest {
    let files = vec![ManifestFile { path: "shop.yaml".to_owned(), text: text.to_owned() }];
    ApplyRequest { files, ..ApplyRequest::default() }
}

pub fn switchover() -> RunRequest {
    RunRequest {
        verb: Verb::Switchover,
        scenario: ScenarioName::from("shop"),
        options: RunOptions::default(),
        expect_revision: None,
        expect_plan: None,
    }
}

pub const SHOP: &str = r"
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx1}
spec: {replicationAddress: 127.0.0.1:7001}
---
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx2}
spec: {replicationAddress: 127.0.0.1:7002}
---
apiVersion: standin/v1alpha1
kind: Scenario
metadata: {name: shop}
spec:
  primary:
    host: mx1
    roots:
      - {name: orders, path: /srv/orders}
      - {name: archive, path: /srv/archive}
  replicas:
    - name: dublin
      host: mx2
      roots:
        - {name: orders, path: /srv/orders}
        - {name: archive, path: /srv/archive}
  services:
    commands:
      - {name: shop, start: [shop, start], stop: [shop, stop], check: [shop, check]}
  redirection:
    - name: forwarder
      script: {command: [forward], check: [forward, --check]}
";
