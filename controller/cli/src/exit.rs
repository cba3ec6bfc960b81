//! The one table of exit codes, and how a command that could not do its work says so.

use model::view::PlanView;
use wire::api::Problem;

/// What the exit code tells; the same for every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; or the answer is yes, equal, valid, healthy.
    Done = 0,
    /// The answer is a truthful no.
    No = 1,
    /// The question was malformed.
    Malformed = 2,
    /// No answer: unreachable or not authorised.
    NoAnswer = 3,
    /// Something moved since it was read, or another run holds the scenario.
    Conflict = 4,
    /// It was started and failed; the message states what is true now.
    Failed = 5,
    /// Refused by a guard, or a confirmation is missing.
    Refused = 6,
    /// No final answer yet: it goes on.
    Pending = 7,
    /// Interrupted before anything was sent.
    Interrupted = 130,
}

impl Exit {
    /// The code that a controller put into its answer; `None` when it names none of the table.
    pub fn from_code(code: u8) -> Option<Self> {
        use Exit::{Conflict, Failed, Malformed, No, NoAnswer, Pending, Refused};
        [No, Malformed, NoAnswer, Conflict, Failed, Refused, Pending].into_iter().find(|exit| *exit as u8 == code)
    }
}

/// One thing that stood in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obstacle {
    pub message: String,
    pub facts: Vec<String>,
    pub help: Vec<String>,
}

/// Why a command ended without doing its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// All of them at once; at least one.
    pub obstacles: Vec<Obstacle>,
}

pub type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, obstacles: vec![Obstacle { message: message.into(), ..Obstacle::default() }] }
    }

    /// Adds a fact to the last obstacle.
    pub fn fact(mut self, text: impl Into<String>) -> Self {
        if let Some(last) = self.obstacles.last_mut() {
            last.facts.push(text.into());
        }
        self
    }

    /// Adds a line of help to the last obstacle.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        if let Some(last) = self.obstacles.last_mut() {
            last.help.push(text.into());
        }
        self
    }

    /// The refusal that a plan's blockers are; `None` when nothing blocks it.
    pub fn blocked(plan: &PlanView) -> Option<Self> {
        let obstacle = |blocker: &model::view::BlockerView| {
            let mut help = blocker.help.clone();
            if let Some(flag) = blocker.accepted_by.as_ref().filter(|flag| !help.iter().any(|h| h.contains(*flag))) {
                help.push(format!("{flag} accepts this"));
            }
            Obstacle { message: format!("refused, {}", blocker.message), facts: blocker.facts.clone(), help }
        };
        let obstacles: Vec<_> = plan.blockers.iter().map(obstacle).collect();
        let exit = if plan.blockers.iter().all(|blocker| blocker.is_conflict) { Exit::Conflict } else { Exit::Refused };
        (!obstacles.is_empty()).then_some(Self { exit, obstacles })
    }

    /// The controller's own words for why it did not do it.
    pub fn from_problem(status: u16, problem: Problem) -> Self {
        let exit = Exit::from_code(problem.exit).unwrap_or_else(|| exit_of_status(status));
        if let Some(blocked) = problem.plan.as_ref().and_then(Self::blocked) {
            return Self { exit, ..blocked };
        }
        let mut facts = problem.facts;
        facts.extend(problem.findings.iter().map(finding_in_one_line));
        let message = if problem.message.is_empty() {
            format!("the controller answered {status} and did not say why")
        } else {
            problem.message
        };
        Self { exit, obstacles: vec![Obstacle { message, facts, help: problem.help }] }
    }
}

fn exit_of_status(status: u16) -> Exit {
    match status {
        401 | 403 | 502..=504 => Exit::NoAnswer,
        404 | 422 => Exit::No,
        409 => Exit::Conflict,
        412 => Exit::Refused,
        400..=499 => Exit::Malformed,
        _ => Exit::Failed,
    }
}

fn finding_in_one_line(finding: &serde_json::Value) -> String {
    let text = |pointer: &str| finding.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let number = |pointer: &str| finding.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let (line, column) = (number("/range/start/line"), number("/range/start/column"));
    let severity = text("/severity");
    format!("{}:{line}:{column}: {severity}[{}] {}", text("/file"), text("/code"), text("/message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::BlockerView;

    #[test]
    fn the_controllers_code_wins_over_the_status() {
        let with =
            |exit| Failure::from_problem(409, Problem { exit, message: "busy".into(), ..Problem::default() }).exit;
        assert_eq!(with(6), Exit::Refused);
        assert_eq!(with(0), Exit::Conflict, "0 is never the code of a problem");
        assert_eq!(with(99), Exit::Conflict);
    }

    #[test]
    fn every_blocker_becomes_an_obstacle() {
        let blocker = |message: &str, accepted_by: Option<&str>| BlockerView {
            message: message.into(),
            accepted_by: accepted_by.map(str::to_owned),
            ..BlockerView::default()
        };
        let plan = PlanView {
            blockers: vec![blocker("mx1 is silent", None), blocker("data is lost", Some("--allow-data-loss"))],
            ..PlanView::default()
        };
        let failure = Failure::blocked(&plan).unwrap();
        assert_eq!((failure.exit, failure.obstacles.len()), (Exit::Refused, 2));
        assert_eq!(failure.obstacles[1].help, ["--allow-data-loss accepts this"]);
        assert_eq!(Failure::blocked(&PlanView::default()), None);
    }
}
