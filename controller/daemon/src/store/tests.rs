use super::*;
use model::{
    HostName, HostSpec, Ledger, Metadata, Object, RunId, ScenarioName, Timestamp,
    view::{EventView, RunView},
};
use std::{os::unix::fs::PermissionsExt, path::PathBuf};
use tempfile::TempDir;

fn home() -> (TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state");
    (temp, path)
}

fn open(path: &std::path::Path) -> Result<Store, StoreError> {
    Store::open(StateDirectory::open(path, "0.1.0")?, "0.1.0")
}

#[test]
fn a_second_controller_on_the_directory_is_refused() {
    let (_temp, path) = home();
    let first = open(&path).unwrap();
    let Err(StoreError::Held { owner, .. }) = open(&path) else { panic!("held twice") };
    assert!(owner.contains(&std::process::id().to_string()), "{owner}");
    drop(first);
    open(&path).unwrap();
}

#[test]
fn a_directory_that_others_may_use_is_refused() {
    let (_temp, path) = home();
    drop(open(&path).unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(open(&path), Err(StoreError::Directory { .. })));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let link = path.with_file_name("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(&link), Err(StoreError::Directory { .. })));
    assert!(matches!(open(&path.join("lock")), Err(StoreError::Directory { .. })));
}

#[test]
fn a_newer_schema_is_refused_and_names_the_program() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    store.write(|c| Ok(c.execute("UPDATE schema_version SET version = 9, program = '4.2.0'", [])?)).unwrap();
    drop(store);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 9, .. }));
    assert!(error.to_string().contains("start standin 4.2.0 or newer"), "{error}");
}

#[test]
fn commits_are_durable_and_readable_beside_us() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let pragma = |name: &str| {
        let query = format!("PRAGMA {name}");
        store.read(|c| Ok(c.query_row(&query, [], |row| row.get::<_, rusqlite::types::Value>(0))?)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
    assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
}

#[test]
fn a_failed_transaction_leaves_nothing() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let host = |name: &str| {
        let metadata = Metadata { name: name.to_owned(), generation: Some(1), ..Metadata::default() };
        Object::Host(metadata, HostSpec { replication_address: "10.0.0.1".to_owned() })
    };
    let failed: Result<(), _> = store.write(|c| {
        objects::put(c, &host("a"))?;
        Err(StoreError::Interrupted)
    });
    assert!(failed.is_err());
    assert!(store.read(objects::all).unwrap().is_empty());
    store.write(|c| objects::put(c, &host("b"))).unwrap();
    let all = store.read(objects::all).unwrap();
    assert_eq!(all[0].metadata().resource_version.as_deref(), Some("1"), "the refused transaction took no number");
}

#[test]
fn a_token_is_taken_once_and_only_in_time() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let token = |id: &str| tokens::StoredToken {
        id: id.to_owned(),
        hash: wire::token::hash("x"),
        host: HostName::from("mx1"),
        expires: Timestamp(100),
        used: None,
    };
    store.write(|c| tokens::add(c, &token("a"), Timestamp(1)).and(tokens::add(c, &token("b"), Timestamp(1)))).unwrap();
    let take = |id: &'static str, now| store.write(|c| tokens::take(c, id, Timestamp(now))).unwrap();
    assert!(take("a", 50));
    assert!(!take("a", 51), "used up");
    assert!(!take("b", 100), "expired");
    assert!(!take("c", 50), "never made");
}

#[test]
fn events_are_capped_by_kind_and_filtered() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let event = |at: u64, kind: &str, scenario: &str| EventView {
        at: Timestamp(at),
        severity: "info".to_owned(),
        kind: kind.to_owned(),
        scenario: Some(ScenarioName::from(scenario)),
        ..EventView::default()
    };
    let kept = events::EVENTS_KEPT_EACH;
    store
        .write(|c| {
            events::add(c, event(7, "RunStarted", "even"))?;
            for at in 0..kept + 10 {
                events::add(c, event(at, "ConditionChanged", if at % 2 == 0 { "even" } else { "odd" }))?;
            }
            Ok(())
        })
        .unwrap();
    let count: u64 = store.read(|c| Ok(c.query_row("SELECT count(*) FROM events", [], |r| r.get(0))?)).unwrap();
    assert_eq!(count, kept + 1);
    let ats = |filter: &events::Filter| {
        store.read(|c| events::list(c, filter)).unwrap().iter().map(|e| e.at.0).collect::<Vec<_>>()
    };
    let odd = events::Filter { scenario: Some("odd".to_owned()), limit: Some(2), ..events::Filter::default() };
    assert_eq!(ats(&odd), [kept + 7, kept + 9]);
    let audit = events::Filter { kind: Some("runstarted".to_owned()), ..events::Filter::default() };
    assert_eq!(ats(&audit), [7], "what a person did is not pushed out by what a link does");
}

#[test]
fn the_newest_finished_runs_of_each_scenario_are_kept_with_their_logs() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let view = |scenario: &str, n: u64| RunView {
        id: RunId(format!("{scenario}-{n}")),
        scenario: ScenarioName::from(scenario),
        // The clock goes backwards.
        started: Timestamp(10_000 - n),
        ..RunView::default()
    };
    let kept = u64::from(runs::RUNS_KEPT_EACH);
    let run = |view: RunView| {
        store.write(|c| {
            runs::start(c, &"plan", 1, &view)?;
            runs::append(c, &view.id, 0, &["one"])?;
            runs::show(c, &RunView { finished: Some(view.started), ..view.clone() })
        })
    };
    run(view("web", 0)).unwrap();
    (0..kept + 3).for_each(|n| run(view("mail", n)).unwrap());
    store.write(|c| runs::start(c, &"plan", 1, &view("mail", kept + 3))).unwrap();
    let exists = |id: &str| store.read(|c| runs::exists(c, id)).unwrap();
    assert!(!exists("mail-2") && exists("mail-3") && exists("web-0") && exists(&format!("mail-{}", kept + 3)));
    let logs = "SELECT count(DISTINCT run) FROM run_events";
    let logs: u64 = store.read(|c| Ok(c.query_row(logs, [], |row| row.get(0))?)).unwrap();
    assert_eq!(logs, kept + 1);
}

#[test]
fn a_run_and_its_ledger_come_back_whole() {
    let (_temp, path) = home();
    let store = open(&path).unwrap();
    let view = RunView { id: RunId::from("r-abcd"), scenario: ScenarioName::from("mail"), ..RunView::default() };
    let stored = ledgers::StoredLedger { ledger: Ledger { revision: 3, ..Ledger::default() }, ..Default::default() };
    let begin = |id: &str| RunView { id: RunId::from(id), ..view.clone() };
    store
        .write(|c| {
            runs::start(c, &"plan", 5, &view)?;
            runs::append(c, &view.id, 0, &["one", "two"])?;
            runs::append(c, &view.id, 2, &["three"])?;
            ledgers::put(c, &view.scenario, &stored)
        })
        .unwrap();
    assert!(store.write(|c| runs::start(c, &"plan", 5, &begin("r-efgh"))).is_err(), "two open runs of one scenario");
    drop(store);
    let store = open(&path).unwrap();
    let open: Vec<runs::OpenRun<String, String>> = store.read(runs::open).unwrap();
    assert_eq!((open[0].generation, &open[0].events[..]), (5, &["one".to_owned(), "two".into(), "three".into()][..]));
    assert_eq!(store.read(ledgers::all).unwrap()[&view.scenario].ledger.revision, 3);
    store.write(|c| runs::show(c, &RunView { finished: Some(Timestamp(9)), ..view.clone() })).unwrap();
    assert!(store.read(runs::open::<String, String>).unwrap().is_empty());
    store.write(|c| runs::start(c, &"plan", 5, &begin("r-efgh"))).unwrap();
}
