//! What a request carries; a wrong one is answered in the same words as everything else.

use super::Refusal;
use axum::{
    body::{HttpBody, to_bytes},
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Largest body: a whole set of manifests.
pub const BODY_BYTES_MAX: usize = 32 << 20;

/// Longest time for a body to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// A JSON body.
pub struct Sent<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let too_large = |why: &str| {
            let message = format!("the request could not be read, or is larger than {BODY_BYTES_MAX} bytes: {why}");
            Refusal::malformed(message).with_status(StatusCode::PAYLOAD_TOO_LARGE)
        };
        if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(too_large("its length says so"));
        }
        let read = timeout(BODY_WAIT, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
        let Ok(read) = read else {
            return Err(
                Refusal::malformed("the request did not arrive in time").with_status(StatusCode::REQUEST_TIMEOUT)
            );
        };
        let bytes = read.map_err(|error| too_large(&error.to_string()))?;
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Self).map_err(|error| Refusal::malformed(format!("the request is not what it should be: {error}")))
    }
}

/// The part after `?`.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Refusal::malformed(error.body_text()))
    }
}
