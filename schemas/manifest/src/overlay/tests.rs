use crate::{
    canonical::parts,
    read::{Set, Surroundings, read_layers},
    render::concise,
    write_document,
};
use model::{Object, ScenarioSpec};

const BASE: &str = "\
# the base
apiVersion: standin/v1alpha1
kind: Scenario
metadata:
  name: mail
  labels: {tier: gold}
spec:
  primary:
    host: mx1
    roots:
      - name: mailboxes
        path: /srv/vmail
        exclude: [a, b]
      - name: queue
        path: /var/spool/postfix
    spool:
      maxSize: 40GiB
  replicas:
    - name: dublin
      host: mx2
      roots:
        - {name: mailboxes, path: /srv/vmail}
        - {name: queue, path: /var/spool/postfix}
---
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx1}
spec: {replicationAddress: 10.20.0.10}
---
apiVersion: standin/v1alpha1
kind: Host
metadata: {name: mx2}
spec: {replicationAddress: 10.30.0.10}
";

fn partial(kind: &str, name: &str, rest: &str) -> String {
    format!("apiVersion: standin/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}")
}

fn layered(overlay: &str) -> (Set, Vec<(String, String)>) {
    let files = vec![("base.yaml".to_owned(), BASE.to_owned()), ("over.yaml".to_owned(), overlay.to_owned())];
    (read_layers(&files, 1, &Surroundings::default()), files)
}

/// Findings, a line each.
fn said(overlay: &str) -> Vec<String> {
    let (set, files) = layered(overlay);
    concise(&set.findings, &files).lines().map(str::to_owned).collect()
}

fn merged(overlay: &str) -> ScenarioSpec {
    let (set, files) = layered(overlay);
    assert!(set.findings.is_empty(), "{}", concise(&set.findings, &files));
    let scenario = set.objects.into_iter().find_map(|located| match located.object {
        Object::Scenario(_, spec) => Some(spec),
        Object::Host(..) | Object::RecoveryPlan(..) => None,
    });
    scenario.unwrap()
}

#[test]
fn objects_merge_by_field_lists_by_name_and_the_rest_is_replaced() {
    let spec = merged(&partial(
        "Scenario",
        "mail",
        "\
spec:
  description: from the overlay
  primary:
    roots:
      - {name: queue, exclude: [x]}
      - {name: mailboxes, exclude: [c]}
    spool: {minDiskFree: 1GiB}
  monitoring:
    checks: [{name: smtp, tcp: {port: 25}}]
",
    ));
    assert_eq!(spec.description.as_deref(), Some("from the overlay"));
    let roots: Vec<(&str, &str, &[String])> =
        spec.primary.roots.iter().map(|root| (root.name.as_str(), root.path.as_str(), &root.exclude[..])).collect();
    let expected: [(&str, &str, &[String]); 2] =
        [("mailboxes", "/srv/vmail", &["c".to_owned()]), ("queue", "/var/spool/postfix", &["x".to_owned()])];
    assert_eq!(roots, expected, "the order is that of the base");
    assert_eq!(
        (spec.primary.spool.max_size.to_string(), spec.primary.spool.min_disk_free.to_string()),
        ("40GiB".into(), "1GiB".into())
    );
    assert_eq!(spec.monitoring.checks.len(), 1);
}

#[test]
fn a_command_with_a_parameter_is_replaced_as_a_whole() {
    let plan = |command: &str| {
        let steps = format!("spec:\n  steps: [{{name: tell, run: {{command: {command}}}}}]\n");
        partial("RecoveryPlan", "mail-switchover", &steps)
    };
    for (base, over, result) in [
        ("[tell, {fromParameter: whom}]", "[say, {fromParameter: what}]", r#"["say",{"fromParameter":"what"}]"#),
        ("[tell, {fromParameter: whom}]", "[say]", r#"["say"]"#),
        ("[tell, them]", "[say, {fromParameter: what}]", r#"["say",{"fromParameter":"what"}]"#),
    ] {
        let root = |text: &str| crate::tree::documents(0, &plan(text), &mut Vec::new()).remove(0).root;
        let mut merged = root(base);
        assert_eq!(super::merge(0, &mut merged, root(over)), []);
        assert_eq!(merged.value().pointer("/spec/steps/0/run/command").unwrap().to_string(), result);
    }
}

#[test]
fn an_item_is_removed_and_written_anew() {
    let anew = "spec:\n  primary:\n    roots: [{name: queue, $remove: true}, {name: queue, path: /queue}]\n";
    assert_eq!(merged(&partial("Scenario", "mail", anew)).primary.roots[1].path, "/queue");
}

#[test]
fn an_item_is_removed_by_its_name() {
    let removal = "spec:\n  primary:\n    roots: [{name: queue, $remove: true}]\n  replicas:\n    - name: dublin\n      roots: [{name: queue, $remove: true}]\n";
    let spec = merged(&partial("Scenario", "mail", removal));
    assert_eq!((spec.primary.roots.len(), spec.replicas[0].roots.len()), (1, 1));
}

#[test]
fn findings_point_at_the_file_that_says_the_value() {
    // The value of the overlay, the other half in the base.
    assert_eq!(
        said(&partial("Scenario", "mail", "spec:\n  primary:\n    spool:\n      maxSize: 40Gb\n      maxsize: 1GiB\n")),
        [
            "over.yaml:7:16: error[DR0103] `40Gb` is not a size: `Gb` reads as bits",
            "over.yaml:8:7: error[DR0101] unknown field `maxsize`: did you mean `maxSize`?",
        ]
    );
    assert_eq!(
        said(&partial("Scenario", "mail", "spec:\n  primary:\n    host: mx9\n")),
        ["over.yaml:6:11: error[DR0201] no Host named `mx9`: did you mean `mx1`?"]
    );
    // What the base says is wrong because of the overlay.
    let (set, files) =
        layered(&partial("Scenario", "mail", "spec:\n  primary:\n    spool: {directory: /srv/vmail/x}\n"));
    let [finding] = &set.findings[..] else { panic!("{}", concise(&set.findings, &files)) };
    assert_eq!((finding.code, finding.file, &files[1].1[finding.span.clone()]), ("DR0214", 1, "/srv/vmail/x"));
    let context = &finding.context[0];
    assert_eq!((context.file, &files[0].1[context.span.clone()]), (0, "/srv/vmail"));
    // A missing field of an item that the overlay adds.
    let added = said(&partial("Scenario", "mail", "spec:\n  primary:\n    roots:\n      - name: more\n"));
    assert!(added[1].starts_with("over.yaml:7:9: error[DR0102]"), "{added:?}");
    assert!(added[0].starts_with("base.yaml:21:7: error[DR0210]"), "{added:?}");
}

#[test]
fn what_an_overlay_cannot_do_is_said() {
    for (overlay, expected) in [
        (
            partial("Scenario", "mial", "spec: {description: x}\n"),
            "over.yaml:3:18: error[DR0702] no Scenario named `mial` to change: did you mean `mail`?",
        ),
        (
            partial("Host", "mail", "spec: {}\n"),
            "over.yaml:3:18: error[DR0702] no Host named `mail` to change: an overlay only changes objects of the base",
        ),
        (
            partial("Scenario", "mail", "spec:\n  primary:\n    roots: [{name: quue, $remove: true}]\n"),
            "over.yaml:6:20: error[DR0703] `roots` has no item `quue` that could be removed: did you mean `queue`?",
        ),
        (
            partial("Scenario", "mail", "spec:\n  primary:\n    roots: [{name: queue, $remove: yes}]\n"),
            "over.yaml:6:36: error[DR0703] `$remove` must be `true`: leave the field out to keep the item",
        ),
        (
            partial("Scenario", "mail", "spec:\n  primary:\n    roots: [{name: queue, path: /x, $remove: true}]\n"),
            "over.yaml:6:27: error[DR0703] an item that is removed has `path` too: this has no effect",
        ),
        (
            partial("Scenario", "mail", "spec:\n  primary:\n    spool: {$remove: true}\n"),
            "over.yaml:6:13: error[DR0703] `$remove` stands where nothing can be removed: only items of a list of objects can be removed",
        ),
        (
            partial("Scenario", "mail", "spec:\n  primary:\n    roots: []\n"),
            "over.yaml:6:5: error[DR0703] an empty `roots` changes nothing: lists of objects are merged by name",
        ),
        (
            partial("Scenario", "mail", "spec:\n  services:\n    commands: [{name: x, $remove: true}]\n"),
            "over.yaml:6:23: error[DR0703] `commands` has no item `x` that could be removed: the list has no items",
        ),
        (
            partial(
                "Scenario",
                "mail",
                "spec:\n  primary:\n    roots: [{name: queue, path: /x}, {name: queue, path: /y}]\n",
            ),
            "over.yaml:6:45: error[DR0204] the name `queue` is used twice in this list: again here",
        ),
        (
            partial(
                "Scenario",
                "mail",
                "spec:\n  monitoring:\n    checks: [{name: x, tcp: {port: 25}}, {name: x, tcp: {port: 26}}]\n",
            ),
            "over.yaml:6:49: error[DR0204] the name `x` is used twice in this list: again here",
        ),
        (
            format!("{}---\n{}", partial("Host", "mx1", "spec: {}\n"), partial("Host", "mx1", "spec: {}\n")),
            "over.yaml:8:18: error[DR0203] the overlay changes Host `mx1` twice: again here",
        ),
        (
            "apiVersion: standin/v1alpha1\nkind: Host\nspec: {}\n".to_owned(),
            "over.yaml:2:7: error[DR0102] `name` is missing in `metadata`: which Host does this change?",
        ),
    ] {
        assert_eq!(said(&overlay), [expected], "{overlay}");
    }
}

#[test]
fn a_removal_in_the_base_is_an_unknown_field() {
    let files = [("a.yaml", BASE.replace("- name: queue\n", "- name: queue\n        $remove: true\n"))];
    let set = read_layers(&files, 1, &Surroundings::default());
    assert_eq!(set.findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["DR0101"]);
}

#[test]
fn every_value_says_where_it_comes_from() {
    let overlay = partial(
        "Scenario",
        "mail",
        "spec:\n  primary:\n    spool: {maxSize: 81920MiB}\n    roots: [{name: queue, exclude: [x]}]\n",
    );
    let (set, files) = layered(&overlay);
    let places = crate::render::Places::new(&files);
    let scenario = set.objects.iter().find(|located| located.object.name() == "mail").unwrap();
    insta::assert_snapshot!("origin", write_document(&parts(scenario, &places, false), true));
    insta::assert_snapshot!("origin_and_defaults", write_document(&parts(scenario, &places, true), true));
}
