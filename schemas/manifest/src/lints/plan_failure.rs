//! A failure is answered in a way that cannot be.

use super::{Lint, World, plan_missteps};
use crate::finding::Finding;
use model::plan_rules::Rule;

pub const LINT: Lint = Lint { code: "DR0323", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    plan_missteps::report(world, LINT.code, Rule::Failure, findings);
}
