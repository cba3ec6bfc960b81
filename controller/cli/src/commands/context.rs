//! `standin context`: the controllers a person works with.
//!
//! Four verbs: one to see them, one to choose, one to add and one to remove. Changing is adding again with `--replace`;
//! trying one out is part of adding, because a context that does not work is found when it is needed most.

use super::TextOrJson;
use crate::{
    client::Client,
    context::Context,
    contexts::{Change, Chosen, Credential, Entry, LOCAL, Origin, Settings, change, read_new},
    exit::{Exit, Failure, Outcome},
    output::{Table, machine},
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use wire::{api::List, people::WhoAmI};

/// Name controllers on other machines, and choose which one is asked
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(before_help = "Examples:
  standin context list
  standin context add prod --url https://ctl.example:25000 --ca-fingerprint SHA256 --token-file -
  standin context add prod --replace --token-file new-token
  standin context use local                  the socket on this machine again
  standin --context prod status              this once, whatever is in use
  standin context remove prod")]
pub struct ContextArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List contexts; the one in use has a mark
    List {
        /// text or json
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
        output: TextOrJson,
    },
    /// Choose the context that is asked from now on
    Use {
        /// Context; `local` is the socket on this machine
        name: String,
    },
    /// Add a context and try it out
    Add(Add),
    /// Forget a context and its token; the token itself stays valid until it is revoked
    Remove {
        /// Context
        name: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin context add prod --url https://ctl.example:25000 --ca-fingerprint SHA256 --token-file -
  standin context add prod --replace --token-file new-token     the rest stays as it is

`standin token create --role ...` on the controller's machine prints the token and this line.")]
struct Add {
    /// What this controller is called here
    name: String,
    /// Address of its API, such as https://ctl.example:25000
    #[arg(long)]
    url: Option<String>,
    /// File with the token, or - for standard input; it is kept in a private file of its own
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// SHA-256 of the controller's authority, which `standin version` shows on its machine
    #[arg(long, value_name = "SHA256", conflicts_with = "ca_file")]
    ca_fingerprint: Option<String>,
    /// Authorities in PEM, where the controller shows a certificate of your own
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Change the context of this name; what is not given stays
    #[arg(long)]
    replace: bool,
    /// Ask it from now on
    #[arg(long = "use")]
    choose: bool,
    /// Do not try it out
    #[arg(long)]
    no_check: bool,
}

pub async fn run(cx: &mut Context, args: ContextArgs) -> Outcome {
    match args.action {
        Action::List { output } => list(cx, output),
        Action::Use { name } => choose(cx, &name),
        Action::Add(args) => add(cx, args).await,
        Action::Remove { name } => remove(cx, &name),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    url: String,
    in_use: bool,
    /// Where the token is; never the token.
    token_file: Option<String>,
    from: String,
}

fn list(cx: &mut Context, output: TextOrJson) -> Outcome {
    let settings = Settings::read(&cx.asked)?;
    let chosen = cx.asked.choose();
    let label = chosen.as_ref().map(Chosen::label).unwrap_or_default();
    let local = Listed {
        name: LOCAL.to_owned(),
        url: crate::contexts::SOCKET.to_owned(),
        in_use: label == LOCAL,
        token_file: None,
        from: Origin::Default.to_string(),
    };
    let named = settings.contexts().into_iter().map(|(entry, file)| Listed {
        name: entry.name.clone(),
        url: entry.url.clone(),
        in_use: label == entry.name,
        token_file: Some(file.resolve(&entry.token_file).display().to_string()),
        from: file.path.display().to_string(),
    });
    let all: Vec<Listed> = std::iter::once(local).chain(named).collect();
    if output == TextOrJson::Json {
        machine::json(&mut cx.out, &List::new(all))?;
    } else {
        let mut table = Table::new(&["", "NAME", "URL", "FROM"]);
        for item in &all {
            let mark = if item.in_use { "*" } else { "" };
            table.row(vec![mark.into(), item.name.clone().into(), item.url.clone().into(), item.from.clone().into()]);
        }
        cx.out.lines(&table.render(cx.style));
    }
    match &chosen {
        Ok(Chosen { name: None, place, origin, .. }) => cx.hint(&format!("in use: {place}, named by {origin}")),
        Ok(Chosen { origin: Origin::Default, .. }) => {}
        Ok(Chosen { name: Some(name), origin, .. }) => cx.hint(&format!("in use: {name}, named by {origin}")),
        Err(failure) => cx.hint(&format!("in use: none, {}", failure.obstacles[0].message)),
    }
    Ok(Exit::Done)
}

fn missing(name: &str) -> Failure {
    Failure::new(Exit::No, format!("there is no context {}", name.escape_debug()))
        .help("standin context list  shows them")
}

fn choose(cx: &mut Context, name: &str) -> Outcome {
    let settings = Settings::read(&cx.asked)?;
    let known = settings.contexts().into_iter().map(|(entry, _)| (entry.name.clone(), entry.url.clone()));
    let here = (LOCAL.to_owned(), crate::contexts::SOCKET.to_owned());
    let found = known.chain([here]).find(|(known, _)| known == name);
    let (name, url) = found.ok_or_else(|| missing(name))?;
    change(&cx.asked, &Change { current: Some(&name), ..Change::default() })?;
    cx.hint(&format!("{name} ({url}) is asked from now on"));
    // What is nearer than the file goes on winning; better said now than noticed later.
    if let Ok(chosen) = cx.asked.choose()
        && chosen.label() != name
    {
        cx.hint(&format!("here and now {} is asked, as {} says", chosen.label(), chosen.origin));
    }
    Ok(Exit::Done)
}

async fn add(cx: &mut Context, args: Add) -> Outcome {
    let settings = Settings::read(&cx.asked)?;
    let own = settings.files.iter().find(|file| Some(&file.path) == cx.asked.user.as_ref());
    let before = own.and_then(|file| Some((file, file.entry(&args.name)?)));
    if before.is_some() && !args.replace {
        return Err(Failure::new(Exit::Refused, format!("refused, there is a context {} already", args.name))
            .fact("nothing was changed")
            .help(format!("{} --replace", cx.typed)));
    }
    if before.is_none() && args.replace {
        return Err(missing(&args.name));
    }
    let entry = entry(&args, before.map(|(_, entry)| entry))?;
    entry.check()?;
    let token = args.token_file.as_deref().map(read_new).transpose()?;
    let credential = match (&token, before) {
        (Some(token), _) => Credential::Held(token.clone()),
        (None, Some((file, entry))) => Credential::File(file.resolve(&entry.token_file)),
        (None, None) => {
            return Err(Failure::new(Exit::Malformed, "--token-file is missing: who asks has to be said")
                .help("standin token create --role viewer  on the controller's machine prints a token"));
        }
    };
    let here = std::env::current_dir().unwrap_or_default();
    let place = entry.place(|path: &Path| here.join(path))?;
    if !args.no_check {
        try_out(cx, Chosen { name: Some(args.name.clone()), place, credential, origin: Origin::Flag("--url") }).await?;
    }
    let current = args.choose.then_some(args.name.as_str());
    let kept = change(&cx.asked, &Change { put: Some(&entry), token: token.as_ref(), current, remove: None })?;
    cx.hint(&format!("{} is kept in {}", args.name, kept.display()));
    if !args.choose {
        cx.hint(&format!("next  standin --context {0} status,  or  standin context use {0}", args.name));
    }
    Ok(Exit::Done)
}

/// What the flags say, and of what they do not say what was there before.
fn entry(args: &Add, before: Option<&Entry>) -> Outcome<Entry> {
    let url = args.url.clone().or_else(|| before.map(|entry| entry.url.clone()));
    let Some(url) = url else {
        return Err(Failure::new(Exit::Malformed, "--url is missing: where the controller is has to be said")
            .help("such as --url https://ctl.example:25000"));
    };
    let stated = args.ca_fingerprint.is_some() || args.ca_file.is_some();
    let kept = before.filter(|_| !stated);
    let here = std::env::current_dir().unwrap_or_default();
    let fingerprint = args.ca_fingerprint.clone().or_else(|| kept.and_then(|entry| entry.ca_fingerprint.clone()));
    let stored = PathBuf::from("tokens").join(&args.name);
    Ok(Entry {
        name: args.name.clone(),
        url,
        ca_fingerprint: fingerprint.map(|text| crate::contexts::fingerprint(&text)).transpose()?,
        ca_file: args.ca_file.as_ref().map(|path| here.join(path)).or_else(|| kept.and_then(|e| e.ca_file.clone())),
        token_file: match (before, &args.token_file) {
            (Some(before), None) => before.token_file.clone(),
            _ => stored,
        },
    })
}

async fn try_out(cx: &Context, chosen: Chosen) -> Outcome<()> {
    let (place, client) = (chosen.place.to_string(), Client::new(Ok(chosen)));
    let who: WhoAmI = client.get("/v1/whoami").await.map_err(|failure| {
        failure
            .fact("the context was not kept")
            .help("--no-check  keeps it all the same, for a controller that is not there yet")
    })?;
    let until = who.expires.map_or(String::new(), |at| format!(", until {}", cx.clock.full(at)));
    cx.hint(&format!("{place} answers; there this is {} ({}){until}", who.name, who.role));
    Ok(())
}

fn remove(cx: &mut Context, name: &str) -> Outcome {
    let settings = Settings::read(&cx.asked)?;
    let found = settings.contexts().into_iter().find(|(entry, _)| entry.name == name);
    let (entry, file) = found.ok_or_else(|| missing(name))?;
    if Some(&file.path) != cx.asked.user.as_ref() {
        return Err(Failure::new(Exit::Refused, format!("refused, {name} stands in {}", file.path.display()))
            .help("that file is the machine's: its administrator removes it there"));
    }
    // A context that is in use and gone would fail every command; the socket on this machine is asked again.
    let current = (file.spec.context.as_deref() == Some(name)).then_some(LOCAL);
    change(&cx.asked, &Change { remove: Some(name), current, ..Change::default() })?;
    let kept = PathBuf::from("tokens").join(name);
    if entry.token_file == kept {
        let _ = std::fs::remove_file(file.resolve(&kept));
    }
    cx.hint(&format!("{name} is forgotten here; its token is valid until  standin token revoke  ends it there"));
    if current.is_some() {
        cx.hint("it was in use: the socket on this machine is asked from now on");
    }
    Ok(Exit::Done)
}
