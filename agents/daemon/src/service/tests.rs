use super::*;
use model::units::Period;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

struct Place {
    directory: tempfile::TempDir,
    orders: watch::Sender<ServiceOrder>,
    reports: watch::Receiver<ServiceReport>,
    stop: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A service is a file that exists; each start and stop adds a line to `log`.
const SCRIPT: &str = r#"#!/bin/sh
d=$2; s=$3
case "$1" in
start) echo "start $s $STANDIN_EPOCH" >> $d/log; [ -e $d/$s.broken ] && exit 7; : > $d/$s.up ;;
stop) echo "stop $s" >> $d/log; [ -e $d/$s.stuck ] && exit 9; rm -f $d/$s.up ;;
check) [ -e $d/$s.odd ] && exit 5; [ -e $d/$s.up ] ;;
esac
"#;

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scripts = directory.path().join("scripts");
        fs::create_dir(&scripts).unwrap();
        fs::write(scripts.join("svc"), SCRIPT).unwrap();
        for path in [&scripts, &scripts.join("svc")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let scripts = Arc::new(Scripts::new(&scripts, &directory.path().join("run")));
        let (orders, order) = watch::channel(ServiceOrder::default());
        let (report, reports) = watch::channel(ServiceReport::default());
        let stop = CancellationToken::new();
        tokio::spawn(keep(scripts, order, report, stop.clone()));
        Self { directory, orders, reports, stop }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn touch(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn order(&self, number: u64, serving: bool, names: &[&str]) {
        let line = |verb: &str, name: &str| {
            ["svc", verb, self.directory.path().to_str().unwrap(), name].map(str::to_owned).to_vec()
        };
        let command = |name: &&str| ServiceCommand {
            name: (*name).to_owned(),
            start: line("start", name),
            stop: line("stop", name),
            check: line("check", name),
            timeout: Period::from_secs(2),
        };
        let commands = names.iter().map(command).collect();
        let environment = vec![("STANDIN_EPOCH", "3".to_owned())];
        let since = (Epoch(3), number);
        self.orders.send(ServiceOrder { number, commands, serving, held: None, since, environment }).unwrap();
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&ServiceReport) -> bool) -> ServiceReport {
        let wait = tokio::time::timeout(Duration::from_secs(20), self.reports.wait_for(|report| holds(report)));
        wait.await.unwrap_or_else(|_| panic!("never came: {what}")).unwrap().clone()
    }
}

fn all(report: &ServiceReport, state: ServiceState) -> bool {
    report.services.iter().all(|service| service.state == state)
}

fn settled(number: u64, state: ServiceState) -> impl Fn(&ServiceReport) -> bool {
    move |report| report.number == number && all(report, state)
}

#[tokio::test]
async fn they_start_in_order_and_stop_in_reverse() {
    let mut place = Place::new();
    place.order(1, true, &["db", "web"]);
    place.until("running", settled(1, ServiceState::Running)).await;
    assert_eq!(place.log(), "start db 3\nstart web 3\n");
    place.order(2, false, &["db", "web"]);
    place.until("stopped", settled(2, ServiceState::Stopped)).await;
    assert_eq!(place.log(), "start db 3\nstart web 3\nstop web\nstop db\n");
}

#[tokio::test]
async fn what_runs_already_is_not_started_and_what_is_stopped_is_not_stopped() {
    let mut place = Place::new();
    place.touch("db.up");
    place.order(1, true, &["db"]);
    place.until("running", settled(1, ServiceState::Running)).await;
    fs::remove_file(place.path("db.up")).unwrap();
    place.order(2, false, &["db"]);
    place.until("stopped", settled(2, ServiceState::Stopped)).await;
    assert_eq!(place.log(), "");
}

#[tokio::test]
async fn a_failed_start_keeps_what_depends_on_it_from_starting() {
    let mut place = Place::new();
    place.touch("db.broken");
    place.order(1, true, &["db", "web"]);
    let report = place.until("failed", |r| r.number == 1).await;
    assert_eq!(report.services[0].state, ServiceState::Failed);
    // The check has nothing to say, so nothing is said of it.
    assert_eq!(report.services[0].message, "start: exit status 7", "{report:?}");
    assert_ne!(report.services[1].state, ServiceState::Running);
    assert_eq!(place.log(), "start db 3\n");
}

#[tokio::test]
async fn a_failed_stop_is_failed_and_an_odd_check_is_unknown() {
    let mut place = Place::new();
    place.order(1, true, &["db", "web"]);
    place.until("running", settled(1, ServiceState::Running)).await;
    place.touch("db.stuck");
    place.touch("web.odd");
    place.order(2, false, &["db", "web"]);
    let report = place.until("given up", |r| r.number == 2).await;
    let states: Vec<_> = report.services.iter().map(|s| s.state).collect();
    assert_eq!(states, [ServiceState::Failed, ServiceState::Unknown], "{report:?}");
    assert!(place.log().ends_with("stop web\nstop db\n"), "{}", place.log());
}

#[tokio::test]
async fn a_service_that_died_is_reported_and_restarted_only_once_a_minute() {
    let mut place = Place::new();
    place.order(1, true, &["db"]);
    place.until("running", settled(1, ServiceState::Running)).await;
    fs::remove_file(place.path("db.up")).unwrap();
    let report = place.until("died", |r| all(r, ServiceState::Stopped) && r.number == 1).await;
    assert!(report.services[0].message.contains("does not run"), "{report:?}");
    assert_eq!(place.log(), "start db 3\n");
    // A new beginning of serving may start it at once.
    place.order(2, true, &["db"]);
    place.until("running again", settled(2, ServiceState::Running)).await;
    assert_eq!(place.log(), "start db 3\nstart db 3\n");
}
