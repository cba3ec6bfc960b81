//! From a question to a run: plan, show, confirm, start, follow. Every verb that makes a run goes this way.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    follow::{RunOutput, follow, interrupts},
    output::stream::say,
    prompt, show,
};
use model::{
    ScenarioName,
    units::Period,
    view::{PlanView, RunView, Verb},
};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use wire::api::{RunOptions, RunRequest};

/// Flags of every verb that starts or goes on with a run.
#[derive(Clone, Debug, clap::Args)]
pub struct Following {
    /// Follow the run to its end; `--wait=false` prints its id and leaves it running
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    pub wait: bool,
    /// Stop following after this long, such as 10m; the run goes on
    #[arg(long, value_name = "TIME", value_parser = period)]
    pub timeout: Option<Period>,
    /// text, json (the final result) or jsonl (a stream of changes)
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: RunOutput,
}

impl Following {
    fn limit(&self) -> Option<Duration> {
        self.timeout.map(|period| period.0)
    }

    /// Refuses flags that would do nothing, before anything is asked.
    pub fn check(&self) -> Outcome<()> {
        if self.wait || self.timeout.is_none() {
            return Ok(());
        }
        Err(Failure::new(Exit::Malformed, "--timeout says how long to wait, and --wait=false not to wait at all"))
    }

    /// Shows a run that was started or taken up again.
    pub async fn show(&self, cx: &mut Context, run: RunView) -> Outcome {
        if self.wait {
            return follow(cx, run, self.output, self.limit()).await;
        }
        if self.output == RunOutput::Text {
            cx.out.line(run.id.as_str());
            return Ok(Exit::Done);
        }
        crate::output::machine::json(&mut cx.out, &run)?;
        Ok(Exit::Done)
    }
}

/// Reads a length of time on the command line, and says how to write it.
pub fn period(text: &str) -> Result<Period, String> {
    text.parse().map_err(|bad: model::units::BadQuantity| match &bad.suggestion {
        Some(suggestion) => format!("{bad}; write {suggestion}"),
        None => bad.to_string(),
    })
}

/// How a person says yes.
pub enum Consent {
    /// Nothing is changed.
    NotNeeded,
    /// `[y/N]`, or this is true.
    Yes(bool),
    /// Type the name, or it was given.
    Name(Option<String>),
}

/// What is wanted of a scenario.
pub struct Order {
    pub verb: Verb,
    pub scenario: ScenarioName,
    pub options: RunOptions,
    pub consent: Consent,
    /// What the person agrees to: `switch over`.
    pub purpose: &'static str,
}

impl Order {
    pub fn request(&self, shown: Option<&PlanView>) -> RunRequest {
        RunRequest {
            verb: self.verb,
            scenario: self.scenario.clone(),
            options: self.options.clone(),
            expect_revision: shown.map(|plan| plan.ledger_revision),
            expect_plan: shown.and_then(|plan| plan.plan.clone()),
        }
    }

    /// The plan as it would be carried out now.
    pub async fn plan(&self, cx: &Context) -> Outcome<PlanView> {
        cx.client.post("/v1/plans", &self.request(None)).await.map_err(nothing_started)
    }

    /// Plans, asks and starts; answers the run.
    pub async fn start(&self, cx: &mut Context, following: &Following) -> Outcome<RunView> {
        if let Consent::Name(Some(given)) = &self.consent {
            prompt::matches(given, self.scenario.as_str())?;
        }
        if matches!(self.consent, Consent::NotNeeded) {
            return change(cx, "/v1/runs", &self.request(None)).await;
        }
        let plan = self.plan(cx).await?;
        if let Some(refusal) = Failure::blocked(&plan) {
            return Err(refusal);
        }
        self.show_plan(cx, &plan, following);
        match &self.consent {
            Consent::NotNeeded => {}
            Consent::Yes(yes) => {
                let question = format!("{} {}?", capital(self.purpose), self.scenario);
                prompt::agree(cx, *yes, &question).await?;
            }
            Consent::Name(given) => {
                prompt::type_name(cx, given.as_deref(), self.scenario.as_str(), self.purpose).await?;
            }
        }
        change(cx, "/v1/runs", &self.request(Some(&plan))).await
    }

    /// The whole plan where roles move; only what is lost where one step is all there is.
    /// On stdout only when the run follows there: what leaves at once prints nothing but the run's id.
    fn show_plan(&self, cx: &mut Context, plan: &PlanView, following: &Following) {
        let losses = || plan.losses.iter().map(|loss| format!("! {loss}")).collect::<Vec<_>>();
        let mut lines = show::plan::lines(plan, cx.style);
        if !matches!(self.consent, Consent::Name(_)) {
            lines = losses();
        }
        if lines.is_empty() {
            return;
        }
        let text = following.output == RunOutput::Text;
        if text && following.wait {
            cx.out.lines(&lines);
            cx.out.line("");
        } else if text || cx.asks {
            let asked = cx.asks && matches!(self.consent, Consent::Yes(false) | Consent::Name(None));
            if cx.quiet && !asked {
                lines = losses();
            }
            if !lines.is_empty() {
                say(&lines.join("\n"));
            }
        }
    }

    /// Starts the run and follows it.
    pub async fn carry_out(&self, cx: &mut Context, following: &Following) -> Outcome {
        following.check()?;
        let run = self.start(cx, following).await?;
        following.show(cx, run).await
    }
}

/// Asking for a plan changes nothing, whatever becomes of the answer.
pub fn nothing_started(failure: Failure) -> Failure {
    if failure.exit != Exit::Pending {
        return failure;
    }
    Failure::new(Exit::NoAnswer, "the controller was asked for a plan and did not answer").fact("nothing was changed")
}

/// Asks for a change. Ctrl-C meanwhile cannot take the question back.
pub async fn change<T: DeserializeOwned>(cx: &Context, path: &str, body: &impl Serialize) -> Outcome<T> {
    settled(cx.client.post(path, body)).await
}

/// Waits for the answer to a change that was asked for.
pub async fn settled<T>(asking: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let mut interrupts = interrupts()?;
    tokio::select! {
        answer = asking => answer,
        _ = interrupts.recv() => Err(Failure::new(Exit::Pending, "interrupted while the controller was being asked")
            .fact("it is unknown whether the change was taken; what was taken goes on")
            .help("look first:  standin status,  standin run list")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
