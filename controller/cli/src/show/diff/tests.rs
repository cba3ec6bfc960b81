use super::*;
use crate::show::markdown;
use model::{Kind, change::Stake};
use wire::api::ObjectName;

fn field(path: &str, before: Option<&str>, after: Option<&str>, effect: Effect) -> FieldChange {
    let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
    FieldChange { path: path.into(), before, after, effect, ..FieldChange::default() }
}

fn about(field: FieldChange, root: &str, bytes: Option<u64>, gives_up: Option<&str>) -> FieldChange {
    let (roots, members, files) = (vec![root.into()], vec!["dublin".into()], bytes.map(|bytes| bytes >> 20));
    FieldChange { stake: Some(Stake { roots, members, files, bytes }), gives_up: gives_up.map(str::to_owned), ..field }
}

fn change(kind: Kind, name: &str, generations: (Option<u64>, u64), fields: Vec<FieldChange>) -> ObjectChange {
    ObjectChange {
        kind,
        name: name.into(),
        file: format!("{}s/{name}.yaml", kind.as_str().to_lowercase()),
        generation_before: generations.0,
        generation: generations.1,
        fields,
        deferred_by: None,
        removed: false,
    }
}

fn result() -> ApplyResult {
    let fields = vec![
        field("spec.monitoring.interval", Some("30s"), Some("10s"), Effect::Live),
        about(field("spec.primary.roots[+archive]", None, Some("/srv/archive"), Effect::Resync), "archive", None, None),
        about(
            field("spec.primary.roots[-old]", Some("/srv/old"), None, Effect::Destroys),
            "old",
            Some(388 << 30),
            Some("scenario/mail/root/old"),
        ),
        about(
            field("spec.replicas[dublin].roots[+archive]", None, Some("/srv/archive"), Effect::Resync),
            "archive",
            None,
            None,
        ),
        about(
            field("spec.replicas[dublin].roots[-old]", Some("/srv/old"), None, Effect::Destroys),
            "old",
            Some(388 << 30),
            Some("scenario/mail/root/old"),
        ),
    ];
    let mail =
        ObjectChange { deferred_by: Some("r-7q4k".into()), ..change(Kind::Scenario, "mail", (Some(14), 15), fields) };
    let host = change(
        Kind::Host,
        "mx3",
        (None, 1),
        vec![field("spec.replicationAddress", None, Some("10.0.0.3"), Effect::Live)],
    );
    let spool = field("spec.primary.spool.maxSize", Some("40GiB"), Some("80GiB"), Effect::Restart);
    let web = change(Kind::Scenario, "web", (Some(2), 3), vec![spool]);
    let whole = about(field("", None, None, Effect::Destroys), "data", Some(5 << 20), Some("scenario/lab/all"));
    let lab = ObjectChange { removed: true, ..change(Kind::Scenario, "lab", (Some(3), 3), vec![whole]) };
    let kept = ObjectName { kind: Kind::Host, name: "mx1".into() };
    let schema = wire::api::DIFF_SCHEMA.to_owned();
    ApplyResult {
        schema,
        changes: vec![mail, host, web, lab],
        unchanged: 1,
        unchanged_objects: vec![kept],
        ..ApplyResult::default()
    }
}

#[test]
fn a_diff() {
    insta::assert_snapshot!(lines(&Compared::stored(&result()), Style::default()).join("\n"));
}

#[test]
fn only_the_effect() {
    let result = result();
    let compared = Compared { effect_only: true, ..Compared::stored(&result) };
    insta::assert_snapshot!(lines(&compared, Style::default()).join("\n"));
}

#[test]
fn as_a_comment_on_a_pull_request() {
    let result = result();
    let compared = Compared { between: Some(("main (9c1e7d2)", "the working tree")), ..Compared::stored(&result) };
    insta::assert_snapshot!(markdown::lines(&compared).join("\n"));
}

#[test]
fn for_machines() {
    insta::assert_snapshot!(format!("{:#}", machine(&Compared::stored(&result())).unwrap()));
}

#[test]
fn between_two_states_there_are_no_generations() {
    let result = result();
    let compared = Compared { between: Some(("main (9c1e7d2)", "the working tree")), ..Compared::stored(&result) };
    let value = machine(&compared).unwrap();
    assert_eq!((&value["base"], &value["changes"][0]["outcome"]), (&"main (9c1e7d2)".into(), &"changed".into()));
    assert!(!value.to_string().contains("generation"), "{value}");
    let text = lines(&compared, Style::default()).join("\n");
    assert!(text.starts_with("from main (9c1e7d2) to the working tree\n~ Scenario/mail   "), "{text}");
    assert!(!text.contains("generation"), "{text}");
}

#[test]
fn what_was_applied() {
    let expected = [
        "~ Scenario/mail   changed, generation 15, in force after run r-7q4k",
        "+ Host/mx3        created",
        "~ Scenario/web    changed, generation 3",
        "- Scenario/lab    removed",
        "  1 unchanged",
    ];
    assert_eq!(applied(&result(), Style::default()), expected);
}

#[test]
fn nothing_to_do() {
    let same = ApplyResult { unchanged: 3, ..ApplyResult::default() };
    assert_eq!(lines(&Compared::stored(&same), Style::default()), ["  3 objects unchanged"]);
    assert!(markdown::lines(&Compared::stored(&same)).contains(&"Nothing changes.".to_owned()));
}
