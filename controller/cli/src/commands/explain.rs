//! `standin explain`: the page of a finding's code.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Explain the code of a finding
#[derive(Debug, clap::Args)]
#[command(before_help = "Example:
  standin explain DR0214")]
pub struct Explain {
    /// Such as DR0214; without one, all codes are listed
    code: Option<String>,
}

pub fn run(cx: &mut Context, args: &Explain) -> Outcome {
    let Some(code) = &args.code else {
        manifest::codes::ALL.iter().for_each(|(code, title, _)| cx.out.line(&format!("{code}  {title}")));
        return Ok(Exit::Done);
    };
    let Some(page) = manifest::codes::explain(code) else {
        let failure = Failure::new(Exit::No, format!("there is no code {}", code.escape_debug()));
        return Err(failure.help("standin explain  lists all of them"));
    };
    cx.page(&[page.trim_end().to_owned()]);
    Ok(Exit::Done)
}
