//! Requests that change something, each carried to its end even if the one who asked hangs up.

use super::{Refusal, extract::Sent, gate::Person};
use crate::{apply, hub::Hub, runs, tokens};
use axum::{
    Extension, Json,
    extract::{Path, State},
};
use model::view::{PlanView, RunView};
use std::sync::Arc;
use wire::api::{
    AbortRequest, ApplyRequest, ApplyResult, DeleteRequest, Deleted, ResumeRequest, RunRequest, Token, TokenRequest,
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

pub async fn start(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<RunRequest>,
) -> Answer<RunView> {
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

pub async fn token(
    State(hub): Shared,
    Extension(Person(by)): Extension<Person>,
    Sent(request): Sent<TokenRequest>,
) -> Answer<Token> {
    let own = Arc::clone(&hub);
    hub.detached(async move { tokens::create(&own, request, &by).await }).await.map(Json)
}
