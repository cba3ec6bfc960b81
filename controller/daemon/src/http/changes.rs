//! Requests that change something, each carried to its end even if the one who asked hangs up.

use super::{
    Refusal,
    extract::Sent,
    gate::{self, Person},
    quiet::IDLE_MAX,
};
use crate::{apply, follow::ASKED_MAX, hub::Hub, people, people::Pass, runs, tokens};
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
};
use model::view::{PlanView, RunView};
use std::sync::Arc;
use wire::{
    access::call_of_verb,
    api::{
        AbortRequest, ApplyRequest, ApplyResult, DeleteRequest, Deleted, FollowView, PlanManifest, ResumeRequest,
        RunRequest, Token, TokenRequest,
    },
    people::{NewPerson, PersonRequest},
};

type Shared = State<Arc<Hub>>;
type Answer<T> = Result<Json<T>, Refusal>;

pub async fn diff(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<ApplyRequest>,
) -> Answer<ApplyResult> {
    apply::diff(&hub, request, &by).await.map(Json)
}

pub async fn apply(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<ApplyRequest>,
) -> Answer<ApplyResult> {
    let own = Arc::clone(&hub);
    hub.detached(async move { apply::apply(&own, request, &by).await }).await.map(Json)
}

pub async fn delete(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<DeleteRequest>,
) -> Answer<Deleted> {
    let own = Arc::clone(&hub);
    hub.detached(async move { apply::delete(&own, request, &by).await }).await.map(Json)
}

pub async fn plan(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<RunRequest>,
) -> Answer<PlanView> {
    runs::plan(&hub, &request, &by).await.map(Json)
}

pub async fn plan_manifest(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<RunRequest>,
) -> Answer<PlanManifest> {
    runs::plan_manifest(&hub, &request, &by).await.map(Json)
}

pub async fn start(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Extension(pass): Extension<Pass>,
    Sent(request): Sent<RunRequest>,
) -> Answer<RunView> {
    gate::ensure_allowed(&pass, call_of_verb(request.verb), request.verb.as_str())?;
    let own = Arc::clone(&hub);
    hub.detached(async move { runs::start(&own, request, &by).await }).await.map(Json)
}

pub async fn resume(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Path(id): Path<String>,
    Sent(request): Sent<ResumeRequest>,
) -> Answer<RunView> {
    let own = Arc::clone(&hub);
    hub.detached(async move { runs::resume(&own, &id, request, &by).await }).await.map(Json)
}

pub async fn abort(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Path(id): Path<String>,
    Sent(request): Sent<AbortRequest>,
) -> Answer<RunView> {
    let own = Arc::clone(&hub);
    hub.detached(async move { runs::abort(&own, &id, request, &by).await }).await.map(Json)
}

// Nothing moves on a connection whose answer is waited for.
const _: () = assert!(ASKED_MAX.as_secs() < IDLE_MAX.as_secs());

/// A hook of a git server, or a person, who does not want to wait for the interval.
pub async fn follow(State(hub): Shared, _whatever_a_hook_says: Bytes) -> Answer<FollowView> {
    if !hub.followed.is_expected() {
        return Err(super::reads::nothing_is_followed());
    }
    let looked = hub.followed.look_now(ASKED_MAX).await;
    looked.map(Json).ok_or_else(|| {
        Refusal::not_yet("the controller is still looking; that goes on")
            .fact(format!("it was waited for {} s", ASKED_MAX.as_secs()))
            .help("ask later what it found: standin follow")
    })
}

pub async fn token(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<TokenRequest>,
) -> Answer<Token> {
    let own = Arc::clone(&hub);
    hub.detached(async move { tokens::create(&own, request, &by).await }).await.map(Json)
}

pub async fn create_person(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<PersonRequest>,
) -> Answer<NewPerson> {
    let own = Arc::clone(&hub);
    hub.detached(async move { people::create(&own, request, &by).await }).await.map(Json)
}

pub async fn revoke_person(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Path(name): Path<String>,
) -> Answer<()> {
    let own = Arc::clone(&hub);
    hub.detached(async move { people::revoke(&own, &name, &by).await }).await.map(Json)
}
