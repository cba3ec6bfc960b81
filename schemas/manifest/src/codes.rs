//! Every code that a finding can have, with the page that explains it. A code keeps its number for ever.

macro_rules! codes {
    ($($code:ident $title:literal,)*) => {
        /// Code, title and page.
        pub const ALL: &[(&str, &str, &str)] = &[
            $((stringify!($code), $title, include_str!(concat!("../codes/", stringify!($code), ".md"))),)*
        ];
    };
}

codes! {
    DR0001 "the text is not YAML",
    DR0002 "a key is written twice",
    DR0003 "merge keys are not supported",
    DR0004 "the file is not UTF-8",
    DR0005 "tags are not allowed",
    DR0006 "a character that cannot be seen",
    DR0007 "a field without a value",
    DR0008 "a key that is not text",
    DR0009 "a file that is too large or too deep",
    DR0010 "a file without an object",
    DR0011 "a text that readers of YAML disagree on",
    DR0101 "unknown field",
    DR0102 "a field is missing",
    DR0103 "not a size",
    DR0104 "not a length of time",
    DR0105 "a value of the wrong kind",
    DR0106 "unknown kind or apiVersion",
    DR0107 "not a name",
    DR0108 "a field that the controller sets",
    DR0110 "not exactly one of several fields",
    DR0111 "not an accepted finding",
    DR0112 "an acceptance that accepts nothing",
    DR0113 "not a rate",
    DR0114 "not a time of day",
    DR0201 "no such Host",
    DR0203 "two objects with one name",
    DR0204 "two items of a list with one name",
    DR0205 "a name that stands for a role",
    DR0206 "a host with two parts in one scenario",
    DR0210 "roots of primary and replica do not match",
    DR0212 "two roots share files",
    DR0213 "not a path for a directory",
    DR0214 "a spool inside a root",
    DR0216 "not the name of a script",
    DR0217 "not a pattern",
    DR0218 "a limit of nothing, or times that do not fit",
    DR0219 "not an address",
    DR0221 "things that cannot be preserved without others",
    DR0230 "no such Scenario or RecoveryPlan",
    DR0231 "a step names what its scenario does not have",
    DR0232 "parameters that do not fit",
    DR0321 "an unsafe order of steps",
    DR0322 "a point of no return in the wrong place",
    DR0323 "a failure cannot be answered like this",
    DR0324 "a key that says nothing in its step",
    DR0220 "two hosts with one address",
    DR0222 "not a time zone",
    DR0223 "a bandwidth limit that cannot be meant",
    DR0501 "looks like a credential",
    DR0701 "an include that matches nothing",
    DR0702 "an overlay for an object that is not there",
    DR0703 "a removal that cannot be carried out",
    DR0704 "a file that is not read",
    DR0705 "no such overlay",
    DR0706 "more than a Project in standin.yaml",
}

/// What codes that begin alike are about.
pub const AREAS: &[(&str, &str)] = &[
    ("DR00", "yaml"),
    ("DR01", "schema"),
    ("DR02", "references"),
    ("DR03", "safety"),
    ("DR05", "secrets"),
    ("DR07", "project"),
];

/// What a code is about.
pub fn area(code: &str) -> &'static str {
    AREAS.iter().find(|(prefix, _)| code.starts_with(prefix)).map_or("other", |(_, name)| name)
}

/// The codes that a word stands for: a whole code, or the beginning of several. Upper and lower case are the same.
///
/// **Errors**: no code begins so; the closest one, if any is close.
pub fn matching(word: &str) -> Result<Vec<&'static str>, Option<&'static str>> {
    let upper = word.to_ascii_uppercase();
    let meant: Vec<&str> = known().filter(|code| code.starts_with(&upper)).collect();
    if meant.is_empty() || !upper.starts_with("DR") {
        return Err(closest(&upper));
    }
    Ok(meant)
}

fn known() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(code, ..)| *code)
}

/// The code that was meant by one that is none: two digits have changed places, or it is close otherwise.
pub fn closest(word: &str) -> Option<&'static str> {
    let upper = word.to_ascii_uppercase();
    let swapped = |code: &&str| {
        let differ: Vec<usize> = (0..code.len()).filter(|at| code.as_bytes()[*at] != upper.as_bytes()[*at]).collect();
        let at = |text: &str, at: usize| text.as_bytes()[at];
        matches!(differ[..], [a, b] if b == a + 1 && at(code, a) == at(&upper, b) && at(code, b) == at(&upper, a))
    };
    let turned = known().filter(|code| code.len() == upper.len()).find(swapped);
    turned.or_else(|| crate::suggest::closest(&upper, known()))
}

/// The page of a code, as Markdown. Upper and lower case are the same.
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, ..)| known.eq_ignore_ascii_case(code)).map(|(_, _, page)| *page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn sources(directory: &Path, found: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, found),
                false if path.ends_with("codes.rs") => {}
                false => found.push_str(&fs::read_to_string(&path).unwrap()),
            }
        }
    }

    #[test]
    fn every_code_in_use_has_a_page_and_every_page_a_use() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut text = String::new();
        sources(&root.join("src"), &mut text);
        let is_code =
            |w: &&str| w.len() == 6 && w.strip_prefix("DR").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let used: BTreeSet<&str> = text.split('"').filter(is_code).collect();
        let known: BTreeSet<&str> = ALL.iter().map(|(code, ..)| *code).collect();
        assert_eq!(used, known);
        let pages = fs::read_dir(root.join("codes")).unwrap().count();
        assert_eq!(pages, known.len());
    }

    #[test]
    fn a_word_stands_for_all_codes_that_begin_so() {
        assert_eq!(matching("dr0103"), Ok(vec!["DR0103"]));
        assert_eq!(matching("DR05"), Ok(vec!["DR0501"]));
        assert!(matching("DR02").unwrap().len() > 5);
        assert_eq!(matching("DR0299"), Err(Some("DR0219")));
        assert_eq!((closest("DR0241"), closest("dr0015"), closest("x")), (Some("DR0214"), Some("DR0105"), None));
        assert_eq!(matching("D"), Err(None));
        assert_eq!(matching(""), Err(None));
        assert!(ALL.iter().all(|(code, ..)| area(code) != "other"));
        for (area, name) in AREAS {
            assert!(known().any(|code| code.starts_with(area)), "nothing is ever found about {name}");
        }
    }

    #[test]
    fn the_page_about_kinds_names_all_of_them() {
        let page = explain("DR0106").unwrap();
        assert!(model::Kind::ALL.iter().all(|kind| page.contains(&format!("`{kind}`"))), "{page}");
    }

    #[test]
    fn every_page_has_its_title_and_an_example() {
        for (code, title, page) in ALL {
            assert!(page.starts_with(&format!("# {code}: {title}\n")), "{code}");
            assert!(page.contains("```yaml") || page.contains("bytes"), "{code}");
            assert_eq!(explain(&code.to_lowercase()), Some(*page));
        }
        assert_eq!(explain("DR9999"), None);
    }
}
