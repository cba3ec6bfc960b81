//! What is rendered reads back to the same objects, whatever was written and however.

#![allow(clippy::unwrap_used)]

use manifest::{Set, Surroundings, canonical, read, read_layers, render::Places, write_document};
use model::Object;
use proptest::prelude::*;
use serde_json::{Value, json};

fn hosts() -> String {
    let host = |n: u32| {
        json!({"apiVersion": "standin/v1alpha1", "kind": "Host", "metadata": {"name": format!("h{n}")},
            "spec": {"replicationAddress": format!("10.0.0.{n}")}})
        .to_string()
    };
    (1..4).map(host).collect::<Vec<_>>().join("\n---\n")
}

fn objects(set: Set) -> Vec<Object> {
    let mut objects: Vec<Object> = set.objects.into_iter().map(|located| located.object).collect();
    objects.sort_by_key(|object| (object.kind(), object.name().to_owned()));
    objects
}

/// Text that a careless writer would leave without quotes.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "yes",
        "no",
        "on",
        "y",
        "~",
        "null",
        "true",
        "0755",
        "1_000",
        "22:30",
        "1e3",
        ".5",
        "-",
        "--- x",
        "# no",
        "a: b",
        "a #b",
        "*x",
        "&x",
        "!t",
        "x, y",
        "[",
        "{",
        "]",
        "'",
        "\"",
        "\\",
        "- x",
        "? x",
        "@x",
        "`x`",
        "%x",
        "|",
        ">",
        " x",
        "x ",
        "x:",
        "10.0.0.1",
        "10GiB",
        "0x1F",
        "017",
        ".inf",
        "2026-01-01",
        "=",
        "<<",
        "é→",
        "$remove",
        "/",
        "a/b",
        "1:2:3",
        "0b1",
        "5m",
        "1.5",
        "+1",
        "NaN",
        "Off",
        "",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "[ -~]{0,12}", "[a-z/.-]{1,10}"]
}

fn size() -> impl Strategy<Value = String> {
    (1u32..5000, prop::sample::select(vec!["B", "kB", "KiB", "MiB", "GiB", "GB", "Gi", "TiB"]))
        .prop_map(|(n, unit)| format!("{n}{unit}"))
}

fn period() -> impl Strategy<Value = String> {
    (1u32..5000, prop::sample::select(vec!["s", "m", "h", "d", "ms"])).prop_map(|(n, unit)| format!("{n}{unit}"))
}

prop_compose! {
    fn spool()(max in prop::option::of(size()), free in prop::option::of(size()), stop in any::<bool>(), own in any::<bool>()) -> Value {
        let mut spool = json!({});
        if let Some(max) = max { spool["maxSize"] = json!(max); }
        if let Some(free) = free { spool["minDiskFree"] = json!(free); }
        if stop { spool["onFull"] = json!("stop"); }
        if own { spool["directory"] = json!("/var/spool/standin"); }
        spool
    }
}

prop_compose! {
    fn scenario()(
        description in prop::option::of(text()),
        labels in prop::collection::btree_map(text().prop_filter("a key", |t| !t.is_empty() && t != "<<"), text(), 0..3),
        excludes in prop::collection::vec("[a-z*.]{1,6}", 0..3),
        spools in prop::collection::vec(spool(), 2),
        roots in 1usize..4,
        timing in prop::option::of(1u32..60),
        check in prop::option::of((1u16.., prop::option::of(text()), period())),
        arguments in prop::collection::vec(text(), 0..3),
        lag in prop::option::of(period()),
        drain in any::<bool>(),
        written in any::<bool>(),
    ) -> Value {
        let root = |n: usize| json!({"name": format!("r{n}"), "path": format!("/srv/r{n}")});
        let mut own: Vec<Value> = (0..roots).map(root).collect();
        if written || !excludes.is_empty() { own[0]["exclude"] = json!(excludes); }
        let mut spec = json!({
            "primary": {"host": "h1", "roots": own, "spool": spools[0]},
            "replicas": [{"name": "r", "host": "h2", "roots": (0..roots).map(root).collect::<Vec<_>>(), "spool": spools[1]}],
            "switchover": {"guards": {"requireDrain": drain}},
        });
        if let Some(text) = description { spec["description"] = json!(text); }
        if let Some(n) = timing { spec["monitoring"] = json!({"interval": format!("{n}s"), "timeout": format!("{n}m")}); }
        if let Some((port, expect, timeout)) = check {
            let mut tcp = json!({"port": port, "timeout": timeout});
            if let Some(expect) = expect { tcp["expect"] = json!(expect); }
            spec["monitoring"]["checks"] = json!([{"name": "c", "tcp": tcp}]);
        }
        if let Some(lag) = lag { spec["switchover"]["guards"]["maxLag"] = json!(lag); }
        let mut command = vec![json!("script")];
        command.extend(arguments.into_iter().map(Value::from));
        spec["redirection"] = json!([{"name": "p", "script": {"command": command}}]);
        json!({"apiVersion": "standin/v1alpha1", "kind": "Scenario", "metadata": {"name": "s", "labels": labels}, "spec": spec})
    }
}

/// The set as `render` writes it.
fn rendered(set: &Set, files: &[(String, String)], defaults: bool, origin: bool) -> String {
    let places = Places::new(files);
    let document = |located| write_document(&canonical::parts(located, &places, defaults), origin);
    set.objects.iter().map(document).collect::<Vec<_>>().join("---\n")
}

#[test]
fn a_file_with_many_objects_is_rendered_in_a_time_that_grows_with_its_length() {
    /// Far more than it takes, even unoptimised on a busy machine; a quadratic one takes minutes.
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
    let host = |n: usize| {
        let address = format!("a{n}.{}", "example.".repeat(10));
        json!({"apiVersion": "standin/v1alpha1", "kind": "Host", "metadata": {"name": format!("h{n}")},
            "spec": {"replicationAddress": address}})
        .to_string()
    };
    let text = (0..4_000).map(host).collect::<Vec<_>>().join("\n---\n");
    let files = [("a.yaml".to_owned(), text)];
    let set = read(&files);
    let start = std::time::Instant::now();
    assert_eq!(rendered(&set, &files, true, true).matches("# from a.yaml:7999").count(), 4);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_is_the_same_set(scenario in scenario()) {
        let files = [("a.yaml".to_owned(), hosts()), ("b.yaml".to_owned(), scenario.to_string())];
        let set = read(&files);
        // What a rule refuses is not rendered; most of what is made here is right.
        prop_assume!(!set.has_errors());
        for (defaults, origin) in [(false, false), (true, false), (false, true), (true, true)] {
            let text = rendered(&set, &files, defaults, origin);
            let again = read(&[("r.yaml", &text)]);
            prop_assert!(again.findings.is_empty(), "{text}\n{:?}", again.findings);
            prop_assert_eq!(objects(set.clone()), objects(again.clone()), "{}", text);
            let twice = rendered(&again, &[("r.yaml".to_owned(), text.clone())], defaults, false);
            if !origin {
                prop_assert_eq!(twice, text, "rendered again it stays as it is");
            }
        }
    }

    #[test]
    fn an_overlay_that_says_everything_gives_what_it_says(base in scenario(), over in scenario()) {
        let files = [("a.yaml".to_owned(), hosts()), ("b.yaml".to_owned(), base.to_string()), ("o.yaml".to_owned(), over.to_string())];
        let set = read_layers(&files, 2, &Surroundings::default());
        // Any two can be merged; that nothing panics, and that places are those of some file, is half of the matter.
        for finding in &set.findings {
            prop_assert!(files[finding.file].1.get(finding.span.clone()).is_some(), "{finding:?}");
        }
        let itself = [files[0].clone(), files[1].clone(), ("o.yaml".to_owned(), base.to_string())];
        let merged = read_layers(&itself, 2, &Surroundings::default());
        prop_assert_eq!(objects(merged), objects(read(&itself[..2])));
    }
}
