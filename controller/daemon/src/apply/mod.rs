//! Manifests into the store: a whole set or nothing of it.

mod compare;
mod guards;
mod put;
mod read;

use crate::{http::Refusal, hub::Hub};
use compare::{Compared, compare};
use model::Object;
use read::Whole;
use std::sync::Arc;
use wire::api::{ApplyRequest, ApplyResult};

/// What an apply of this set would change.
///
/// **Errors** when the set is not whole, or objects have changed since they were read.
pub async fn diff(hub: &Arc<Hub>, request: ApplyRequest) -> Result<ApplyResult, Refusal> {
    let stored = hub.board.lock().await.objects();
    let whole = read_set(request.files, stored).await?;
    let compared = compare(&*hub.board.lock().await, &whole)?;
    ensure_expected(request.expect.as_deref(), &compared)?;
    Ok(compared.result)
}

/// Stores what changed, in one transaction.
///
/// **Errors** when anything in the set is wrong, has moved since it was compared, would disturb a role or a run, or
/// gives up replicated data that was not named; nothing is stored then.
pub async fn apply(hub: &Arc<Hub>, request: ApplyRequest, by: &str) -> Result<ApplyResult, Refusal> {
    // One set at a time: what this one was read against stays as it is until it is stored.
    let _turn = hub.applying.lock().await;
    let stored = hub.board.lock().await.objects();
    let whole = read_set(request.files, stored).await?;
    let mut board = hub.board.lock().await;
    let compared = compare(&board, &whole)?;
    ensure_expected(request.expect.as_deref(), &compared)?;
    guards::ensure_applicable(&board, &compared)?;
    guards::ensure_accepted(&compared, &request.allow_destroy)?;
    if !request.dry_run && !compared.objects.is_empty() {
        put::store(hub, &mut board, &compared, by).await?;
    }
    Ok(compared.result)
}

async fn read_set(files: Vec<wire::api::ManifestFile>, stored: Vec<Object>) -> Result<Whole, Refusal> {
    let read = tokio::task::spawn_blocking(move || read::read(files, &stored));
    read.await.map_err(|_| Refusal::failed("the set could not be read"))?
}

fn ensure_expected(expect: Option<&str>, compared: &Compared) -> Result<(), Refusal> {
    match expect {
        Some(expect) if expect != compared.result.digest => {
            Err(Refusal::conflict("the set or what is stored has changed since it was compared")
                .help("compare again: standin diff"))
        }
        _ => Ok(()),
    }
}
