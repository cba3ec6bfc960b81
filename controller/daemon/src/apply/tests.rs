use super::*;
use crate::store::{StateDirectory, Store, objects, reports, specs};
use model::{
    HostSpec, Metadata, ScenarioSpec,
    elements::{
        monitoring::{Check, TcpCheck},
        roots::{ReplicaRoot, Root},
        services::ServiceCommand,
        spool::Spool,
    },
    scenario::{Primary, Replica},
    units::{Period, Size},
};
use proptest::{prelude::*, strategy::ValueTree};
use tempfile::TempDir;
use wire::{
    api::{ManifestFile, Origin},
    identity::Authority,
};

/// A controller without listeners, on a store of its own.
struct Own {
    temp: TempDir,
    hub: Arc<Hub>,
    runtime: tokio::runtime::Runtime,
}

impl Own {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let hub = Self::open(&temp);
        Self { temp, hub, runtime }
    }

    fn open(temp: &TempDir) -> Arc<Hub> {
        let directory = StateDirectory::open(&temp.path().join("state"), "0.1.0").unwrap();
        let store = Arc::new(Store::open(directory, "0.1.0").unwrap());
        let authority = Authority::create().unwrap();
        Arc::new(Hub::new(store, authority, "pin".into(), "0.1.0".into(), "ctl:1".into()))
    }

    fn apply(&self, request: &ApplyRequest) -> Result<ApplyResult, Refusal> {
        self.runtime.block_on(apply(&self.hub, request.clone(), "anna"))
    }

    fn diff(&self, request: &ApplyRequest) -> Result<ApplyResult, Refusal> {
        self.runtime.block_on(diff(&self.hub, request.clone(), "anna"))
    }

    fn plan(&self, request: &ApplyRequest) -> ApplyRequest {
        let asked = ApplyRequest { make_plan: true, ..request.clone() };
        ApplyRequest { plan: self.diff(&asked).unwrap().plan, ..request.clone() }
    }

    fn stored(&self, kind: model::Kind, name: &str) -> Option<Object> {
        self.runtime.block_on(async { self.hub.board.lock().await.object(kind, name) })
    }

    /// As after a restart: what the board holds comes from the store alone.
    fn reopen(self) -> Self {
        let Self { temp, hub, runtime } = self;
        drop(hub);
        let hub = Self::open(&temp);
        runtime.block_on(crate::reconcile::load(&hub)).unwrap();
        Self { temp, hub, runtime }
    }
}

fn set(objects: &[Object]) -> ApplyRequest {
    let text = objects.iter().map(manifest::to_yaml).collect::<Vec<_>>().join("---\n");
    ApplyRequest { files: vec![ManifestFile { path: "all.yaml".into(), text }], ..ApplyRequest::default() }
}

fn of_project(objects: &[Object], project: &str) -> ApplyRequest {
    let origin = Origin {
        repository: Some("git.example/dr".into()),
        commit: Some("9c1e7d2aaaa".into()),
        project: Some(project.into()),
        paths: [("all.yaml".to_owned(), "dr/all.yaml".to_owned())].into(),
        ..Origin::default()
    };
    ApplyRequest { origin: Some(origin), ..set(objects) }
}

fn host(name: &str) -> Object {
    let metadata = Metadata { name: name.to_owned(), ..Metadata::default() };
    Object::Host(metadata, HostSpec { replication_address: format!("{name}.example") })
}

fn scenario(name: &str, root: &str) -> Object {
    let metadata = Metadata { name: name.to_owned(), ..Metadata::default() };
    let path = format!("/srv/{name}-{root}");
    let spec = ScenarioSpec {
        primary: Primary {
            host: "mx1".into(),
            roots: vec![Root { name: root.into(), path: path.clone(), ..Root::default() }],
            spool: Spool::default(),
        },
        replicas: vec![Replica {
            name: "twin".into(),
            host: "mx2".into(),
            roots: vec![ReplicaRoot { name: root.into(), path, ..ReplicaRoot::default() }],
            spool: Spool::default(),
        }],
        ..ScenarioSpec::default()
    };
    Object::Scenario(metadata, spec)
}

fn small() -> Vec<Object> {
    vec![host("mx1"), host("mx2"), scenario("mail", "data")]
}

fn described(mut object: Object, text: &str) -> Object {
    if let Object::Scenario(_, spec) = &mut object {
        spec.description = Some(text.to_owned());
    }
    object
}

/// A whole set: some scenarios on two hosts, with roots that do not meet.
fn valid_set() -> impl Strategy<Value = Vec<Object>> {
    let name = "[a-z][a-z0-9-]{0,6}[a-z0-9]";
    let text = "[ -~äé→]{0,12}";
    let labels = prop::collection::btree_map("[a-z]{1,6}", text, 0..3);
    let roots = prop::collection::btree_map(name, prop::collection::vec("[a-z*.]{1,5}", 0..3), 1..4);
    let numbers = (1..1u64 << 40, 1..600_000u64, 1..u16::MAX);
    let one = (roots, labels, prop::option::of(text), numbers, prop::collection::btree_set(name, 0..3));
    prop::collection::btree_map("[a-z][a-z0-9]{2,6}", one, 1..4).prop_map(|scenarios| {
        let mut objects = vec![host("mx1"), host("mx2")];
        for (name, (roots, labels, description, (size, millis, port), services)) in scenarios {
            let path = |side: &str, root: &String| format!("/srv/{name}/{side}/{root}");
            let timeout = Period::from_millis(millis);
            let check = Check { name: "port".into(), tcp: Some(TcpCheck { port, expect: None, timeout }), exec: None };
            let words = |verb: &str| vec!["service".to_owned(), verb.to_owned()];
            let command = |name: String| ServiceCommand {
                name,
                start: words("start"),
                stop: words("stop"),
                check: words("check"),
                timeout,
            };
            let mut spec = ScenarioSpec {
                description,
                primary: Primary {
                    host: "mx1".into(),
                    roots: roots
                        .iter()
                        .map(|(root, exclude)| Root {
                            name: root.as_str().into(),
                            path: path("home", root),
                            exclude: exclude.clone(),
                            ..Root::default()
                        })
                        .collect(),
                    spool: Spool { max_size: Size(size), ..Spool::default() },
                },
                replicas: vec![Replica {
                    name: "twin".into(),
                    host: "mx2".into(),
                    roots: roots
                        .keys()
                        .map(|root| ReplicaRoot {
                            name: root.as_str().into(),
                            path: path("twin", root),
                            ..ReplicaRoot::default()
                        })
                        .collect(),
                    spool: Spool::default(),
                }],
                ..ScenarioSpec::default()
            };
            spec.monitoring.checks = vec![check];
            spec.services.commands = services.into_iter().map(command).collect();
            objects.push(Object::Scenario(Metadata { name, labels, ..Metadata::default() }, spec));
        }
        objects
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_apply_leaves_no_difference(objects in valid_set(), other in valid_set()) {
        let own = Own::new();
        let request = set(&objects);
        let applied = match own.apply(&request) {
            Ok(applied) => applied,
            // What two generated globs or names make of each other is not what this is about.
            Err(refusal) => { prop_assert_eq!(refusal.problem.exit, 1); return Ok(()) }
        };
        prop_assert_eq!(applied.changes.len(), objects.len());
        let found = own.diff(&request).unwrap();
        prop_assert_eq!((found.changes, found.unchanged), (vec![], objects.len()));
        let own = own.reopen();
        prop_assert_eq!(own.diff(&request).unwrap().changes, vec![]);
        // And once more over what is there, whatever that gives up.
        let mut request = set(&other);
        request.allow_destroy = own.diff(&request).map(|found| {
            found.changes.iter().flat_map(|change| change.gives_up()).map(str::to_owned).collect()
        }).unwrap_or_default();
        if own.apply(&request).is_ok() {
            prop_assert_eq!(own.diff(&request).unwrap().changes, vec![]);
        }
    }
}

#[test]
fn most_generated_sets_are_valid() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let own = Own::new();
    let tries = 40;
    let valid = (0..tries).filter(|_| own.diff(&set(&valid_set().new_tree(&mut runner).unwrap().current())).is_ok());
    assert!(valid.count() > tries / 2, "the property says something about few sets only");
}

#[test]
fn provenance_is_kept_with_what_changed() {
    let own = Own::new();
    own.apply(&of_project(&small(), "dr")).unwrap();
    let from = |name: &str| own.stored(model::Kind::Scenario, name).unwrap().metadata().applied_from.clone().unwrap();
    let first = from("mail");
    assert_eq!((first.by.as_str(), first.place().as_deref()), ("anna", Some("dr/all.yaml:15")));
    assert_eq!((first.commit_in_words().as_deref(), first.project.as_deref()), (Some("9c1e7d2"), Some("dr")));
    let mut later = of_project(&small(), "dr");
    later.origin.as_mut().unwrap().commit = Some("ffffffff".into());
    own.apply(&later).unwrap();
    assert_eq!(from("mail"), first, "an apply that changes nothing is not where it came from");
    let loose = set(&[described(scenario("mail", "data"), "x")]);
    own.apply(&loose).unwrap();
    assert_eq!((from("mail").repository, from("mail").project), (None, None), "outside of git nothing is claimed");
    let own = own.reopen();
    let stored = own.stored(model::Kind::Scenario, "mail").unwrap();
    assert_eq!(stored.metadata().applied_from.as_ref().unwrap().path.as_deref(), Some("all.yaml"));
}

#[test]
fn a_prune_takes_only_what_the_project_applied() {
    let own = Own::new();
    own.apply(&of_project(&small(), "dr")).unwrap();
    own.apply(&of_project(&[scenario("other", "data")], "elsewhere")).unwrap();
    own.apply(&set(&[scenario("byhand", "data")])).unwrap();
    let less = [host("mx1"), host("mx2")];
    assert_eq!(own.diff(&of_project(&less, "dr")).unwrap().changes, [], "off unless asked for");
    let pruning = ApplyRequest { prune: true, ..of_project(&less, "dr") };
    let found = own.diff(&pruning).unwrap();
    let gone: Vec<_> = found.changes.iter().map(|change| (change.name.as_str(), change.outcome())).collect();
    assert_eq!(gone, [("mail", "removed")]);
    let refused = own.apply(&pruning).unwrap_err();
    assert_eq!(refused.problem.exit, 6);
    assert_eq!(refused.problem.help, ["accept it: --allow-destroy scenario/mail/all"]);
    let accepting = ApplyRequest { allow_destroy: vec!["scenario/mail/all".into()], ..pruning.clone() };
    own.apply(&ApplyRequest { dry_run: true, ..accepting.clone() }).unwrap();
    assert!(own.stored(model::Kind::Scenario, "mail").is_some(), "a dry run takes nothing away");
    own.apply(&accepting).unwrap();
    assert!(own.stored(model::Kind::Scenario, "mail").is_none());
    assert!(
        own.stored(model::Kind::Scenario, "other").is_some() && own.stored(model::Kind::Scenario, "byhand").is_some()
    );
    let nowhere = ApplyRequest { prune: true, ..set(&less) };
    assert_eq!(own.diff(&nowhere).unwrap_err().problem.exit, 2, "no project, no prune");
}

#[test]
fn an_emptied_directory_takes_nothing_away() {
    let own = Own::new();
    own.apply(&of_project(&small(), "dr")).unwrap();
    let nothing = ApplyRequest { prune: true, ..of_project(&[], "dr") };
    let refused = own.apply(&nothing).unwrap_err();
    assert_eq!((refused.problem.exit, refused.problem.facts.len()), (6, 3));
    assert!(refused.problem.help[0].ends_with("--allow-empty dr"), "{refused:?}");
    let wrong = ApplyRequest { allow_empty: Some("other".into()), ..nothing.clone() };
    assert_eq!(own.apply(&wrong).unwrap_err().problem.exit, 6);
    let items = ["host/mx1/all", "host/mx2/all", "scenario/mail/all"].map(str::to_owned).to_vec();
    let meant = ApplyRequest { allow_empty: Some("dr".into()), allow_destroy: items, ..nothing };
    assert_eq!(own.apply(&meant).unwrap().changes.len(), 3);
    assert_eq!(own.runtime.block_on(async { own.hub.board.lock().await.objects().len() }), 0);
}

#[test]
fn a_renamed_scenario_takes_the_place_of_the_old_one() {
    let own = Own::new();
    own.apply(&of_project(&small(), "dr")).unwrap();
    let mut renamed = scenario("mail", "data");
    renamed.metadata_mut().name = "post".to_owned();
    let request = of_project(&[host("mx1"), host("mx2"), renamed], "dr");
    assert_eq!(own.diff(&request).unwrap_err().problem.exit, 1, "the old one still has the roots");
    let found = own.diff(&ApplyRequest { prune: true, ..request }).unwrap();
    assert_eq!(found.changes.len(), 2);
}

#[test]
fn a_host_that_is_used_stays() {
    let own = Own::new();
    own.apply(&of_project(&small(), "dr")).unwrap();
    own.apply(&set(&[scenario("byhand", "data")])).unwrap();
    let pruning = ApplyRequest {
        prune: true,
        allow_destroy: ["host/mx1/all", "host/mx2/all", "scenario/mail/all"].map(str::to_owned).to_vec(),
        ..of_project(&[host("mx3")], "dr")
    };
    let refused = own.apply(&pruning).unwrap_err();
    assert_eq!(refused.problem.exit, 6, "a scenario that stays is on them: {refused:?}");
    let delete = |kind, name: &str| {
        let request = wire::api::DeleteRequest { kind, name: name.to_owned(), expect: None };
        own.runtime.block_on(delete(&own.hub, request, "anna"))
    };
    let refused = delete(model::Kind::Host, "mx1").unwrap_err();
    assert_eq!(refused.problem.exit, 6);
    assert!(refused.problem.help.iter().any(|help| help.ends_with("standin delete scenario mail")), "{refused:?}");
    assert_eq!(delete(model::Kind::Host, "mx9").unwrap_err().problem.exit, 1);
    for name in ["mail", "byhand"] {
        delete(model::Kind::Scenario, name).unwrap();
    }
    let mx1 = model::HostName::from("mx1");
    let status = model::AgentStatus { host: mx1.clone(), ..model::AgentStatus::default() };
    let spec = model::AgentSpec { host: mx1.clone(), revision: 7, ..model::AgentSpec::default() };
    let stored = own.hub.store.write(|c| {
        reports::put(c, &mx1, &status, model::Timestamp(1))?;
        specs::put(c, &spec)
    });
    stored.unwrap();
    delete(model::Kind::Host, "mx1").unwrap();
    assert!(own.hub.store.read(reports::all).unwrap().is_empty(), "what it said is forgotten");
    assert_eq!(own.hub.store.read(specs::all).unwrap()[&mx1].revision, 7, "no revision may stand for two specs");
    assert!(own.reopen().stored(model::Kind::Host, "mx1").is_none());
}

#[test]
fn a_deleted_scenario_comes_back_with_its_roles() {
    let own = Own::new();
    own.apply(&set(&small())).unwrap();
    let name = model::ScenarioName::from("mail");
    own.runtime.block_on(async {
        let mut board = own.hub.board.lock().await;
        let stored = &mut board.scenarios.get_mut(&name).unwrap().stored;
        let ledger = &mut stored.ledger;
        ledger.epoch = model::Epoch(4);
        ledger.members.get_mut(&"primary".into()).unwrap().role = model::Role::Fenced;
        ledger.members.get_mut(&"twin".into()).unwrap().role = model::Role::Active;
        let stored = stored.clone();
        own.hub.store.writing(move |c| crate::store::ledgers::put(c, &"mail".into(), &stored)).await.unwrap();
    });
    let request = wire::api::DeleteRequest { kind: model::Kind::Scenario, name: "mail".into(), expect: None };
    own.runtime.block_on(delete(&own.hub, request, "anna")).unwrap();
    let own = own.reopen();
    let elsewhere = {
        let mut moved = scenario("mail", "data");
        let Object::Scenario(_, spec) = &mut moved else { panic!() };
        spec.replicas[0].name = "other".into();
        set(&[moved])
    };
    let refused = own.apply(&elsewhere).unwrap_err();
    assert_eq!(refused.problem.exit, 6, "the one that was active is not there any more: {refused:?}");
    let result = own.apply(&set(&small())).unwrap();
    assert_eq!((result.changes[0].generation_before, result.changes[0].generation), (None, 2));
    own.runtime.block_on(async {
        let board = own.hub.board.lock().await;
        let ledger = &board.scenarios[&name].stored.ledger;
        assert_eq!((ledger.epoch, ledger.active()), (model::Epoch(4), Some(&"twin".into())));
    });
}

#[test]
fn a_plan_is_accepted_once() {
    let own = Own::new();
    let request = own.plan(&set(&small()));
    own.apply(&ApplyRequest { dry_run: true, ..request.clone() }).unwrap();
    own.apply(&request).unwrap();
    let refused = own.apply(&request).unwrap_err();
    assert_eq!(refused.problem.exit, 4);
    assert!(refused.problem.message.contains("used already"), "{refused:?}");
    assert!(refused.problem.facts[0].starts_with("anna applied it at 20"), "{refused:?}");
    let own = own.reopen();
    assert_eq!(own.apply(&request).unwrap_err().problem.exit, 4, "remembered over a restart");
}

#[test]
fn a_stale_plan_says_who_moved_what() {
    let own = Own::new();
    own.apply(&set(&small())).unwrap();
    let change = |text: &str| set(&[described(scenario("mail", "data"), text)]);
    let plan = own.plan(&change("planned"));
    let mut other = of_project(&[described(scenario("mail", "data"), "meanwhile")], "dr");
    other.origin.as_mut().unwrap().local_changes = true;
    own.runtime.block_on(apply(&own.hub, other, "ben")).unwrap();
    for refused in [own.apply(&plan).unwrap_err(), own.diff(&plan).unwrap_err()] {
        assert_eq!((refused.problem.exit, refused.problem.help.as_slice()), (4, &[stale::AGAIN.to_owned()][..]));
        let facts = refused.problem.facts.join("\n");
        assert!(facts.starts_with("Scenario/mail was generation 1 when the plan was made ("), "{facts}");
        assert!(facts.contains("; it is 2 now\nchanged by ben at 20"), "{facts}");
        assert!(facts.contains("apply from commit 9c1e7d2 + local changes, dr/all.yaml:1"), "{facts}");
        assert!(facts.ends_with("  ~ spec.description   (nothing) -> meanwhile"), "{facts}");
    }
    let gone = own.plan(&change("again"));
    let request = wire::api::DeleteRequest { kind: model::Kind::Scenario, name: "mail".into(), expect: None };
    own.runtime.block_on(delete(&own.hub, request, "ben")).unwrap();
    let facts = own.apply(&gone).unwrap_err().problem.facts.join("\n");
    assert!(facts.contains("it is gone now\nben deleted Scenario mail, generation 2"), "{facts}");
}

#[test]
fn a_plan_rests_on_roles_where_they_matter() {
    let own = Own::new();
    own.apply(&set(&small())).unwrap();
    let mut more = scenario("mail", "data");
    let Object::Scenario(_, spec) = &mut more else { panic!() };
    spec.primary.spool.max_size = Size::gib(20);
    let (words, spool) = (own.plan(&set(&[described(scenario("mail", "data"), "x")])), own.plan(&set(&[more])));
    own.runtime.block_on(async {
        let mut board = own.hub.board.lock().await;
        board.scenarios.get_mut(&"mail".into()).unwrap().stored.ledger.revision += 1;
    });
    let refused = own.apply(&spool).unwrap_err();
    assert!(
        refused.problem.exit == 4 && refused.problem.facts[0].starts_with("the roles of mail were at revision"),
        "{refused:?}"
    );
    own.apply(&words).unwrap();
}

#[test]
fn a_plan_expires() {
    let own = Own::new();
    let mut request = own.plan(&set(&small()));
    let plan = request.plan.as_mut().unwrap();
    assert_eq!(plan.expires.0 - plan.made.0, plan::PLAN_VALID_MILLIS);
    plan.expires = plan.made;
    plan.seal = plan::seal(plan, own.hub.store.read(crate::store::plans::key).unwrap());
    let refused = own.apply(&request).unwrap_err();
    assert!(refused.problem.exit == 4 && refused.problem.message.contains("expired"), "{refused:?}");
}

#[test]
fn a_plan_that_was_edited_or_is_somebody_elses_is_refused() {
    let own = Own::new();
    let plan = own.plan(&set(&small()));
    let mut edited = plan.clone();
    edited.files[0].text = edited.files[0].text.replace("mx1.example", "evil.example");
    assert_eq!(own.apply(&edited).unwrap_err().problem.exit, 6);
    let mut longer = plan.clone();
    longer.plan.as_mut().unwrap().expires.0 += 1;
    assert_eq!(own.apply(&longer).unwrap_err().problem.exit, 6);
    let pruning = ApplyRequest { prune: true, ..plan.clone() };
    assert_eq!(own.apply(&pruning).unwrap_err().problem.exit, 6, "not what was planned");
    let other = Own::new();
    assert_eq!(other.apply(&plan).unwrap_err().problem.exit, 6, "made with another key");
    own.apply(&plan).unwrap();
    let all = own.hub.store.read(objects::all).unwrap();
    assert_eq!(all.len(), 3);
}
