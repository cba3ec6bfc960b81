//! Questions to the person. A question is never the only way: without a terminal the exact flag is named.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};
use std::io::{self, Write};

/// Whom the answer is about comes first: the right answer to the wrong controller is the worst one.
fn addressed(cx: &Context, question: &str) -> String {
    format!("[{}] {question}", cx.client.label())
}

/// Asks `[y/N]` unless `yes` was given.
pub async fn agree(cx: &Context, yes: bool, question: &str) -> Outcome<()> {
    if yes { Ok(()) } else { agree_unless(cx, "--yes", question).await }
}

/// Asks `[y/N]`; `flag` is what says yes without a terminal.
pub async fn agree_unless(cx: &Context, flag: &str, question: &str) -> Outcome<()> {
    if !cx.asks {
        return Err(no_terminal(cx, flag));
    }
    match ask(&addressed(cx, &format!("{question} [y/N] "))).await?.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Refused, "not confirmed; nothing was changed")),
    }
}

/// Has the person type `name`, unless it was given with `--confirm`.
pub async fn type_name(cx: &Context, given: Option<&str>, name: &str, purpose: &str) -> Outcome<()> {
    type_name_of(cx, "scenario", given, name, purpose).await
}

/// As `type_name`, for something else than a scenario.
pub async fn type_name_of(cx: &Context, what: &str, given: Option<&str>, name: &str, purpose: &str) -> Outcome<()> {
    if let Some(given) = given {
        return matches_of(what, given, name);
    }
    if !cx.asks {
        return Err(no_terminal(cx, &format!("--confirm {name}")));
    }
    let typed = ask(&addressed(cx, &format!("Type the {what}'s name to {purpose}: "))).await?;
    matches_of(what, &typed, name)
}

/// Refuses a confirmation that names something else.
pub fn matches(given: &str, name: &str) -> Outcome<()> {
    matches_of("scenario", given, name)
}

fn matches_of(what: &str, given: &str, name: &str) -> Outcome<()> {
    if given == name {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("refused, the confirmation says `{given}` and the {what} is `{name}`"))
        .fact("nothing was changed"))
}

fn no_terminal(cx: &Context, flag: &str) -> Failure {
    Failure::new(Exit::Refused, "refused, this needs a confirmation and there is no terminal to ask on")
        .fact("nothing was changed")
        .help(format!("{} {flag}", cx.typed))
}

async fn ask(question: &str) -> Outcome<String> {
    let question = question.to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stderr = io::stderr().lock();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        drop(stderr);
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line.trim().to_owned())
    });
    tokio::select! {
        answer = answer => match answer {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(Failure::new(Exit::Refused, format!("no answer could be read: {error}"))),
            Err(error) => Err(Failure::new(Exit::Refused, format!("no answer could be read: {error}"))),
        },
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted, nothing was changed")),
    }
}
