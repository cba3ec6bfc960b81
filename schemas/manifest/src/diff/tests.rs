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
    assert_eq!(set.findings, [], "{text}");
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
            ("spec.primary.spool.maxSize".into(), text("10GiB"), text("20GiB"), Effect::Live),
        ]
    );
    assert_eq!(
        changes("exclude: [tmp]", "exclude: [tmp, log]"),
        [("spec.primary.roots[config].exclude".into(), text("[tmp]"), text("[tmp, log]"), Effect::Resync)]
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
                .map(|(name, (_, path, exclude))| Root { name: name.as_str().into(), path, exclude })
                .collect();
            let copies = roots.iter().map(|r| ReplicaRoot { name: r.name.clone(), path: r.path.clone() }).collect();
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
