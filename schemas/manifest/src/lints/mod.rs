//! What contradicts itself: one file for each rule, one word for each in the list below.
//!
//! A rule sees the whole set. It also sees objects with findings of their own, in which wrong values are replaced by
//! harmless ones; what a rule then says about such a value is dropped.

mod place;
mod plan_missteps;
mod world;

pub use place::Place;
pub use world::{Item, Root, World};

use crate::finding::Finding;

/// One rule.
pub struct Lint {
    pub code: &'static str,
    pub check: fn(&World<'_>, &mut Vec<Finding>),
}

macro_rules! lints {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// All rules.
        pub const ALL: &[Lint] = &[$($name::LINT),*];
    };
}

// The list declares the modules, so `cargo fmt` does not see them: format them with `rustfmt src/lints/*.rs`.
lints![
    unknown_host,
    duplicate_object,
    duplicate_name,
    reserved_name,
    host_twice,
    roots_mismatch,
    roots_overlap,
    bad_path,
    spool_in_root,
    bad_command,
    bad_glob,
    bad_timing,
    preserve,
    bad_bandwidth,
    bad_time_zone,
    bad_address,
    plan_references,
    plan_names,
    plan_parameters,
    plan_order,
    plan_no_return,
    plan_failure,
    plan_idle,
    shared_address,
    credential,
];

/// Runs all rules.
pub fn run(world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for lint in ALL {
        (lint.check)(world, &mut findings);
        debug_assert!(findings.iter().all(|f| ALL.iter().any(|lint| lint.code == f.code)));
    }
    findings
}
