//! The steps of a plan stand in an order that is not safe, or one is missing.

use super::{Lint, World, plan_missteps};
use crate::finding::Finding;
use model::plan_rules::Rule;

pub const LINT: Lint = Lint { code: "DR0321", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    plan_missteps::report(world, LINT.code, Rule::Order, findings);
}
