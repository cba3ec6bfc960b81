//! A name that no time zone has.

use super::{Lint, World};
use crate::{finding::Finding, suggest};

pub const LINT: Lint = Lint { code: "DR0222", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut suggested = 0;
    for (item, spec) in world.scenarios() {
        for (n, entry) in spec.replication.bandwidth.iter().enumerate() {
            let zone = entry.window.as_ref().map(|window| window.time_zone.as_str());
            let pointer = format!("/spec/replication/bandwidth/{n}/window/timeZone");
            if let Some(zone) = zone.filter(|zone| !is_known(zone)) {
                let Some(finding) = item.place(pointer).error(LINT.code, "no time zone has this name") else {
                    continue;
                };
                suggested += 1;
                findings.push(if suggested <= suggest::SUGGESTED_MAX { meant(finding, zone) } else { finding });
            }
        }
    }
}

/// The data of this build is asked first, so that a file is read alike on all machines.
fn is_known(name: &str) -> bool {
    let exact = |known: &jiff::tz::TimeZone| known.iana_name() == Some(name);
    [jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::db().clone()]
        .iter()
        .any(|database| database.get(name).is_ok_and(|zone| exact(&zone)))
}

fn meant(finding: Finding, name: &str) -> Finding {
    let names: Vec<String> = jiff::tz::TimeZoneDatabase::bundled().available().map(|zone| zone.to_string()).collect();
    let same_place = |known: &&String| known.rsplit('/').next().is_some_and(|place| place.eq_ignore_ascii_case(name));
    let same = names.iter().find(|known| known.eq_ignore_ascii_case(name)).or_else(|| names.iter().find(same_place));
    let close = same.map(String::as_str).or_else(|| suggest::closest(name, names.iter().map(String::as_str)));
    match close {
        Some(close) => {
            let span = finding.span.clone();
            finding.help(format!("did you mean `{close}`?")).fix(false, span, close)
        }
        None => finding.help("write one of the time zone database, such as `Europe/Berlin` or `UTC`"),
    }
}
