//! A point of no return where there is none, or none where there is one.

use super::{Lint, World, plan_missteps};
use crate::finding::Finding;
use model::plan_rules::Rule;

pub const LINT: Lint = Lint { code: "DR0322", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    plan_missteps::report(world, LINT.code, Rule::NoReturn, findings);
}
