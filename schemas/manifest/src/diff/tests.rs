use super::*;
use crate::{read, to_yaml};
use model::{
    HostSpec, Metadata, ScenarioSpec,
    elements::{
        redirection::Redirection,
        roots::{ReplicaRoot, Root},
        spool::Spool,
    },
    scenario::{Primary, Replica},
    units::{Period, Size},
};
use proptest::prelude::*;

const MAIL: &str = "\
apiVersion: standin/v1alpha1
kind: Scenario
metadata: {name: mail}
spec:
  primary:
    host: mx1
    roots:
      - {name: mailboxes, path: /srv/vmail}
      - {name: config, path: /etc/postfix, exclude: [tmp]}
  replicas:
    - name: dublin
      host: mx2
      roots:
        - {name: mailboxes, path: /srv/vmail}
        - {name: config, path: /srv/config}
  services:
    commands:
      - {name: a, start: [a], stop: [a], check: [a]}
      - {name: b, start: [b], stop: [b], check: [b]}
";

fn object(text: &str) -> Object {
    let hosts = "---\napiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx1}\nspec: {replicationAddress: a}\n";
    let hosts = format!("{hosts}{}", hosts.replace("mx1", "mx2").replace("Address: a", "Address: b"));
    let mut set = read(&[("a.yaml", format!("{text}{hosts}"))]);
    assert!(!set.has_errors(), "{text}: {:?}", set.findings);
    set.objects.remove(0).object
}

fn changes(from: &str, to: &str) -> Vec<(String, Option<String>, Option<String>, Effect)> {
    assert!(MAIL.contains(from));
    let (old, new) = (object(MAIL), object(&MAIL.replacen(from, to, 1)));
    diff(Some(&old), &new).into_iter().map(|c| (c.path, c.before, c.after, c.effect)).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn each_change_has_its_path_and_effect() {
    let spool = "    spool: {maxSize: 20GiB, directory: /var/spool/x}\n  replicas:\n";
    assert_eq!(
        changes("  replicas:\n", spool),
        [
            ("spec.primary.spool.directory".into(), None, text("/var/spool/x"), Effect::Restart),
            ("spec.primary.spool.maxSize".into(), text("10GiB"), text("20GiB"), Effect::Restart),
        ]
    );
    assert_eq!(
        changes("exclude: [tmp]", "exclude: [tmp, log]"),
        [("spec.primary.roots[config].exclude".into(), text("[tmp]"), text("[tmp, log]"), Effect::Destroys)]
    );
    assert_eq!(
        changes("path: /srv/config", "path: /srv/other"),
        [("spec.replicas[dublin].roots[config].path".into(), text("/srv/config"), text("/srv/other"), Effect::Resync)]
    );
    assert_eq!(
        changes("metadata: {name: mail}", "metadata: {name: mail, labels: {tier: gold}}"),
        [("metadata.labels.tier".into(), None, text("gold"), Effect::Live)]
    );
    assert_eq!(changes("host: mx2", "host: mx2\n      spool: {minDiskFree: 1GiB}").len(), 1);
}

#[test]
fn what_a_change_leads_to_depends_on_who_is_active() {
    let (old, mut new) = (object(MAIL), object(MAIL));
    let Object::Scenario(_, spec) = &mut new else { panic!() };
    spec.primary.spool.max_size = Size::gib(20);
    spec.replicas[0].spool.max_size = Size::gib(30);
    let at = |active: &str| -> Vec<Effect> {
        diff_at(Some(&old), &new, &active.into()).into_iter().map(|change| change.effect).collect()
    };
    assert_eq!(at("primary"), [Effect::Restart, Effect::Live], "a standby's spool waits for its turn");
    assert_eq!(at("dublin"), [Effect::Live, Effect::Restart]);
}

#[test]
fn the_data_at_stake_is_named() {
    let (old, mut new) = (object(MAIL), object(MAIL));
    let Object::Scenario(_, spec) = &mut new else { panic!() };
    spec.primary.roots.remove(1);
    spec.replicas[0].roots.remove(1);
    spec.replicas[0].roots[0].path = "/srv/elsewhere".to_owned();
    let changes = diff(Some(&old), &new);
    let stakes: Vec<_> = changes
        .iter()
        .map(|change| {
            let stake = change.stake.clone().unwrap();
            let names = |names: Vec<String>| names.join(" ");
            let roots = names(stake.roots.into_iter().map(|root| root.0).collect());
            (roots, names(stake.members.into_iter().map(|member| member.0).collect()), change.gives_up.as_deref())
        })
        .collect();
    let config = ("config".to_owned(), "dublin".to_owned(), Some("scenario/mail/root/config"));
    assert_eq!(stakes, [config.clone(), ("mailboxes".to_owned(), "dublin".to_owned(), None), config]);
    assert!(changes.iter().all(|change| change.stake.as_ref().unwrap().bytes.is_none()), "unknown, not 0");
}

#[test]
fn fewer_excludes_are_copied_and_more_are_removed() {
    let exclude = |to: &str| changes("exclude: [tmp]", to).remove(0).3;
    assert_eq!(exclude("exclude: []"), Effect::Resync);
    assert_eq!(exclude("exclude: [log]"), Effect::Destroys);
}

#[test]
fn secrets_are_not_shown() {
    let labelled = "metadata: {name: mail, annotations: {api-token: s3cr3t, wiki: 'https://u:p4ss@w.example/'}}";
    let (old, new) = (
        object(&MAIL.replace("metadata: {name: mail}", &labelled.replace("s3cr3t", "0ld"))),
        object(&MAIL.replace("metadata: {name: mail}", labelled)),
    );
    let changes = diff(Some(&old), &new);
    assert_eq!(
        (changes[0].before.as_deref(), changes[0].after.as_deref()),
        (Some("(secret)"), Some("(secret), changed"))
    );
    let shown = format!("{:?}", diff(None, &new));
    assert!(!shown.contains("s3cr3t") && !shown.contains("p4ss") && shown.contains("w.example"), "{shown}");
}

#[test]
fn what_validate_calls_a_credential_is_not_shown() {
    let with = |metadata: &str, command: &str| {
        let services = format!("start: [run, {command}]");
        object(&MAIL.replace("metadata: {name: mail}", &format!("metadata: {{name: mail, {metadata}}}")).replacen(
            "start: [a]",
            &services,
            1,
        ))
    };
    for (metadata, command) in [
        ("annotations: {key: AKIAIOSFODNN70GEHEIM}", "x"),
        ("annotations: {password.prod: GEHEIM}", "x"),
        ("annotations: {wiki: 'https://w.example and https://u:GEHEIM@w.example'}", "x"),
        ("annotations: {about: 'password: GEHEIM'}", "x"),
        ("labels: {a: b}", "--token=GEHEIM"),
        ("labels: {a: b}", "--password, GEHEIM"),
    ] {
        let shown = format!("{:?}", diff(Some(&object(MAIL)), &with(metadata, command)));
        assert!(!shown.contains("GEHEIM") && shown.contains("(secret)"), "{metadata} {command}\n{shown}");
    }
}

#[test]
fn a_root_that_is_called_like_a_secret_is_none() {
    let (old, new) = (object(MAIL), object(&MAIL.replace("mailboxes", "tokens")));
    let shown = format!("{:?}", diff(Some(&old), &new));
    assert!(shown.contains("/srv/vmail") && !shown.contains("(secret)"), "{shown}");
}

#[test]
fn two_sets_are_compared_by_kind_and_name() {
    let (old, mut new) = (object(MAIL), object(MAIL));
    let mut gone = object(MAIL);
    gone.metadata_mut().name = "gone".to_owned();
    let Object::Scenario(_, spec) = &mut new else { panic!() };
    spec.description = Some("new".to_owned());
    let side = |object| Sided { object, file: "a.yaml" };
    let (changes, unchanged) = between(&[side(&old), side(&gone)], &[side(&new)], false);
    let seen = |changes: &[ObjectChange]| -> Vec<_> {
        changes.iter().map(|c| (c.name.clone(), c.outcome(), c.effect(), c.gives_up().join(" "))).collect()
    };
    assert_eq!(seen(&changes)[0], ("mail".into(), "changed", Effect::Live, String::new()));
    assert_eq!(seen(&changes)[1], ("gone".into(), "removed", Effect::Live, String::new()), "nothing without --prune");
    assert!(unchanged.is_empty());
    let (changes, unchanged) = between(&[side(&old), side(&gone)], &[side(&old)], true);
    assert_eq!(seen(&changes), [("gone".into(), "removed", Effect::Destroys, "scenario/gone/all".into())]);
    assert_eq!(unchanged.len(), 1);
}

#[test]
fn a_replica_that_is_renamed_is_given_up_and_made_anew() {
    assert_eq!(
        changes("name: dublin", "name: cork"),
        [
            ("spec.replicas[+cork]".into(), None, text("mx2"), Effect::Resync),
            ("spec.replicas[-dublin]".into(), text("mx2"), None, Effect::Destroys),
        ]
    );
}

#[test]
fn roots_come_and_go() {
    let (old, mut new) = (object(MAIL), object(MAIL));
    let Object::Scenario(_, spec) = &mut new else { panic!() };
    spec.primary.roots[1].name = "archive".into();
    spec.replicas[0].roots[1].name = "archive".into();
    let changes: Vec<_> = diff(Some(&old), &new).into_iter().map(|c| (c.path, c.effect)).collect();
    assert_eq!(
        changes,
        [
            ("spec.primary.roots[+archive]".into(), Effect::Resync),
            ("spec.primary.roots[-config]".into(), Effect::Destroys),
            ("spec.replicas[dublin].roots[+archive]".into(), Effect::Resync),
            ("spec.replicas[dublin].roots[-config]".into(), Effect::Destroys),
        ]
    );
}

#[test]
fn order_and_defaults_are_no_change() {
    let (a, b) = ("- {name: mailboxes, path: /srv/vmail}", "- {name: config, path: /etc/postfix, exclude: [tmp]}");
    assert_eq!(changes(&format!("{a}\n      {b}"), &format!("{b}\n      {a}")), []);
    assert_eq!(changes("  replicas:\n", "    spool: {maxSize: 10240MiB, onFull: resync}\n  replicas:\n"), []);
    assert_eq!(changes("metadata: {name: mail}", "metadata: {name: mail, labels: {}}"), []);
}

#[test]
fn the_order_of_services_is_a_change() {
    let (a, b) = ("- {name: a, start: [a], stop: [a], check: [a]}", "- {name: b, start: [b], stop: [b], check: [b]}");
    assert_eq!(
        changes(&format!("{a}\n      {b}"), &format!("{b}\n      {a}")),
        [("spec.services.commands[order]".into(), text("a, b"), text("b, a"), Effect::Live)]
    );
}

#[test]
fn a_new_object_shows_what_was_written() {
    let changes = diff(None, &object(MAIL));
    let paths: Vec<_> = changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "spec.primary.host",
            "spec.primary.roots[+mailboxes]",
            "spec.primary.roots[+config]",
            "spec.replicas[+dublin]",
            "spec.services.commands[+a]",
            "spec.services.commands[+b]",
        ]
    );
    assert!(changes.iter().all(|c| c.before.is_none() && c.effect == Effect::Live));
}

fn scenario() -> impl Strategy<Value = Object> {
    let name = "[a-z][a-z0-9-]{0,5}[a-z0-9]";
    let word = "[ -~äé→]{0,12}";
    let root = (name, "/[a-z]{1,8}", prop::collection::vec("[a-z*]{1,5}", 0..3));
    let roots = prop::collection::btree_map(name, root, 1..4);
    let labels = prop::collection::btree_map(word, word, 0..3);
    (name, roots, labels, prop::option::of(word), any::<u32>(), prop::collection::vec(name, 0..3)).prop_map(
        |(name, roots, labels, description, n, points)| {
            let roots: Vec<Root> = roots
                .into_iter()
                .map(|(name, (_, path, exclude))| Root { name: name.as_str().into(), path, exclude, ..Root::default() })
                .collect();
            let copy = |r: &Root| ReplicaRoot { name: r.name.clone(), path: r.path.clone(), ..ReplicaRoot::default() };
            let copies = roots.iter().map(copy).collect();
            let spool = Spool { max_size: Size(u64::from(n) + 1), ..Spool::default() };
            let mut spec = ScenarioSpec {
                description,
                primary: Primary { host: "h1".into(), roots, spool: spool.clone() },
                replicas: vec![Replica { name: "r".into(), host: "h2".into(), roots: copies, spool }],
                ..ScenarioSpec::default()
            };
            spec.monitoring.interval = Period::from_millis(u64::from(n) + 1);
            spec.redirection = points.iter().map(|p| Redirection { name: p.as_str().into(), script: None }).collect();
            Object::Scenario(Metadata { name, labels, ..Metadata::default() }, spec)
        },
    )
}

fn read_back(object: &Object) -> Object {
    let mut findings = Vec::new();
    let yaml = to_yaml(object);
    let documents = crate::tree::documents(0, &yaml, &mut findings);
    assert_eq!(findings, [], "{yaml}");
    crate::object::decode(object.kind(), &documents[0].root, &Default::default()).expect(&yaml)
}

proptest! {
    #[test]
    fn what_is_written_reads_back_and_does_not_differ(object in scenario()) {
        let again = read_back(&object);
        prop_assert_eq!(&again, &object);
        prop_assert_eq!(diff(Some(&object), &again), []);
    }

    #[test]
    fn a_host_reads_back(address in "[ -~äé]{0,20}") {
        let spec = HostSpec { replication_address: address };
        let object = Object::Host(Metadata { name: "h".into(), ..Metadata::default() }, spec);
        prop_assert_eq!(read_back(&object), object);
    }
}

const PLAN: &str = "\
apiVersion: standin/v1alpha1
kind: RecoveryPlan
metadata: {name: mail-switchover}
spec:
  scenario: mail
  purpose: switchover
  steps:
    - {name: tell, host: active, run: {command: [tell, now]}}
    - {name: drain, waitForDrain: {}}
    - {name: make-active, setActive: {}}
    - {name: tell-again, host: active, run: {command: [tell, now]}}
";

#[test]
fn a_plan_is_compared_step_by_step() {
    let change = |from: &str, to: &str| {
        assert!(PLAN.contains(from));
        let (old, new) = (read(&[("a.yaml", PLAN)]), read(&[("a.yaml", PLAN.replacen(from, to, 1))]));
        let object = |set: crate::Set| match set.objects.into_iter().next() {
            Some(located) => located.object,
            None => panic!("{from} {to}"),
        };
        diff(Some(&object(old)), &object(new)).into_iter().map(|c| (c.path, c.before, c.after)).collect::<Vec<_>>()
    };
    assert_eq!(change("purpose: switchover", "purpose: switchover"), []);
    let action = change("name: drain, waitForDrain: {}", "name: drain, approve: {message: Go?}");
    assert_eq!(
        action,
        [
            ("spec.steps[drain].approve.message".to_owned(), None, text("Go?")),
            ("spec.steps[drain].waitForDrain".to_owned(), text("{}"), None),
        ]
    );
    let step = "    - {name: tell, host: active, run: {command: [tell, now]}}\n";
    let removed = ("spec.steps[-tell]".to_owned(), text("run command [tell, now] on active"), None);
    assert_eq!(change(step, ""), [removed]);
    let moved = change(
        &format!("{step}    - {{name: drain, waitForDrain: {{}}}}\n"),
        &format!("    - {{name: drain, waitForDrain: {{}}}}\n{step}"),
    );
    assert_eq!(moved.iter().map(|(path, ..)| path.as_str()).collect::<Vec<_>>(), ["spec.steps[order]"]);
}
