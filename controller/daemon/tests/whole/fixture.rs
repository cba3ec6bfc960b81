//! A controller that can be stopped, killed and started again, with its agents.

use crate::{
    agent::{self, Agent, Report},
    http::{self, Answer},
};
use controller::{Config, ServeError, serve};
use model::{
    HostName, ScenarioName,
    view::{RunState, RunView, Verb},
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{oneshot, watch},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use wire::{
    api::{ApplyRequest, ApplyResult, ManifestFile, RunOptions, RunRequest, StoredScenario, Token, TokenRequest},
    identity::Identity,
};

const WAIT: Duration = Duration::from_secs(30);

/// The runtime of a controller, how to stop it, and what it ended with.
type Running = (Runtime, CancellationToken, oneshot::Receiver<Result<(), ServeError>>);

pub struct Fixture {
    pub temp: TempDir,
    pub address: watch::Sender<SocketAddr>,
    running: Option<Running>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fixture {
    pub async fn start() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let address = watch::channel(SocketAddr::from(([127, 0, 0, 1], 0))).0;
        let mut fixture = Self { temp, address, running: None };
        fixture.open().await;
        fixture
    }

    pub fn config(&self) -> Config {
        Config {
            state: self.temp.path().join("state"),
            socket: self.socket(),
            agent_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: None,
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
                let _ = ready.send(at.agent_addr);
            };
            let result = serve(config, shutdown, tell).await;
            let _ = end.send(result);
        });
        self.running = Some((runtime, stop, ended));
        match is_ready.await {
            Ok(address) => drop(self.address.send_replace(address)),
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

    pub async fn token(&self, host: &str) -> Token {
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
