//! Every answer that is not a success: one body, one status, one exit code.

use crate::store::StoreError;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::view::PlanView;
use std::error::Error;
use wire::api::Problem;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: StatusCode,
    pub problem: Box<Problem>,
}

impl Refusal {
    fn new(status: StatusCode, exit: u8, message: impl Into<String>) -> Self {
        let problem = Problem { message: message.into(), exit, ..Problem::default() };
        Self { status, problem: Box::new(problem) }
    }

    /// There is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, 1, message)
    }

    /// The request cannot be understood.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2, message)
    }

    /// Nobody is known to ask.
    pub fn unknown_person(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 3, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, 3, message)
    }

    /// Something has moved since it was looked at, or is in use.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, 4, message)
    }

    /// A guard says no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, 6, message)
    }

    /// What a person wrote is wrong.
    pub fn invalid(message: impl Into<String>, findings: Vec<serde_json::Value>) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, 1, message);
        refusal.problem.findings = findings;
        refusal
    }

    /// It goes on, and how it ends is not known yet.
    pub fn not_yet(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 7, message)
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 5, message)
    }

    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn fact(mut self, text: impl Into<String>) -> Self {
        self.problem.facts.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.problem.help.push(text.into());
        self
    }

    pub fn plan(mut self, plan: PlanView) -> Self {
        self.problem.plan = Some(plan);
        self
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        let mut refusal = Self::failed(error.to_string()).help("nothing was changed; look at the controller's log");
        if let Some(source) = error.source() {
            refusal = refusal.fact(source.to_string());
        }
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(*self.problem)).into_response()
    }
}
