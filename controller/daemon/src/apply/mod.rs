//! Manifests into the store: a whole set or nothing of it.

mod compare;
mod guards;
mod plan;
mod put;
mod read;
mod remove;
mod sizes;
mod stale;
#[cfg(test)]
mod tests;

pub use read::names_of;
pub use remove::delete;

use crate::{http::Refusal, hub::Hub, reconcile::Board};
use compare::{Compared, compare};
use model::Object;
use read::Whole;
use std::sync::Arc;
use tokio::sync::MutexGuard;
use wire::api::{ApplyRequest, ApplyResult};

/// What an apply of this set would change, with a plan of it if one is asked for.
///
/// **Errors** when the set is not whole, or objects have changed since they were read.
pub async fn diff(hub: &Arc<Hub>, request: ApplyRequest, by: &str) -> Result<ApplyResult, Refusal> {
    let (board, mut compared) = look(hub, &request).await?;
    if request.make_plan {
        compared.result.plan = Some(plan::make(hub, &board, &request, &compared, by).await?);
    }
    Ok(compared.result)
}

/// Stores what changed, in one transaction.
///
/// **Errors** when anything in the set is wrong, has moved since it was compared, would disturb a role or a run, or
/// gives up replicated data that was not named; nothing is stored then.
pub async fn apply(hub: &Arc<Hub>, request: ApplyRequest, by: &str) -> Result<ApplyResult, Refusal> {
    // One set at a time: what this one was read against stays as it is until it is stored.
    let _turn = hub.applying.lock().await;
    let (mut board, compared) = look(hub, &request).await?;
    guards::ensure_applicable(hub, &board, &compared)?;
    guards::ensure_accepted(&compared, &request.allow_destroy)?;
    let work = put::Work::of(&board, &compared, request.origin.as_ref(), request.plan, by);
    if !request.dry_run && !work.is_nothing() {
        put::store(hub, &mut board, work, by).await?;
    }
    Ok(compared.result)
}

/// Reads and compares a set; the board is held so that nothing moves before the decision.
async fn look<'a>(hub: &'a Arc<Hub>, request: &ApplyRequest) -> Result<(MutexGuard<'a, Board>, Compared), Refusal> {
    plan::ensure_good(hub, request).await?;
    let project = guards::ensure_prunable(request)?;
    let stored = hub.board.lock().await.objects();
    let whole = read_set(request.files.clone(), stored, project.map(str::to_owned)).await?;
    let seen = hub.roster.seen();
    let board = hub.board.lock().await;
    plan::ensure_still(&board, request)?;
    let compared = compare(&board, &seen, &whole)?;
    ensure_expected(request, &compared)?;
    guards::ensure_not_emptied(request, project, &compared)?;
    Ok((board, compared))
}

async fn read_set(
    files: Vec<wire::api::ManifestFile>,
    stored: Vec<Object>,
    prune: Option<String>,
) -> Result<Whole, Refusal> {
    let read = tokio::task::spawn_blocking(move || read::read(files, &stored, prune.as_deref()));
    read.await.map_err(|_| Refusal::failed("the set could not be read"))?
}

fn ensure_expected(request: &ApplyRequest, compared: &Compared) -> Result<(), Refusal> {
    let planned = request.plan.as_ref().map(|plan| plan.digest.as_str());
    let wanted = request.expect.as_deref().into_iter().chain(planned);
    if wanted.into_iter().all(|expect| expect == compared.result.digest) {
        return Ok(());
    }
    Err(Refusal::conflict("the set or what is stored has changed since it was compared")
        .help("compare again: standin diff"))
}
