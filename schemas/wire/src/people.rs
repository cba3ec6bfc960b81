//! The word with which a person, or a program that acts for one, is known over the network:
//! `standin_<id>_<secret>`, and what is said about it.

use crate::{
    access::Role,
    digest::{hex, is_hex, random},
};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Begins every token, so that scanners for secrets find one that was committed or logged.
pub const PREFIX: &str = "standin_";

const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// Longest text that may be a token.
pub const TEXT_BYTES_MAX: usize = PREFIX.len() + 2 * ID_BYTES + 1 + 2 * SECRET_BYTES;

/// A person's token. Its secret is shown by `Display` only, never by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonToken {
    /// Finds the token at the controller; no secret.
    pub id: String,
    secret: String,
}

/// A text is not a token. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonTokenError {
    #[error("this is not an access token; one looks like standin_<16 hex digits>_<64 hex digits>")]
    Shape,
    #[error("this is a token with which a host joins, not one for people")]
    Join,
    #[error("the system gives no random bytes")]
    Random,
}

impl PersonToken {
    pub fn create() -> Result<Self, PersonTokenError> {
        let id = hex(&random::<ID_BYTES>().ok_or(PersonTokenError::Random)?);
        let secret = hex(&random::<SECRET_BYTES>().ok_or(PersonTokenError::Random)?);
        Ok(Self { id, secret })
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Display for PersonToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for PersonToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonToken").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for PersonToken {
    type Err = PersonTokenError;

    fn from_str(text: &str) -> Result<Self, PersonTokenError> {
        let text = text.trim();
        if text.starts_with("v1.") {
            return Err(PersonTokenError::Join);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(PersonTokenError::Shape)?;
        let (id, secret) = rest.split_once('_').ok_or(PersonTokenError::Shape)?;
        if !is_hex(id, ID_BYTES * 2) || !is_hex(secret, SECRET_BYTES * 2) {
            return Err(PersonTokenError::Shape);
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

/// Asks for a token: `POST /v1/people`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonRequest {
    /// What events and runs call whoever uses it; chosen by the controller when left out.
    #[serde(default)]
    pub name: Option<String>,
    pub role: Role,
    pub ttl_seconds: u64,
}

/// The one time a token is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPerson {
    pub token: String,
    pub name: String,
    pub role: Role,
    pub expires: Timestamp,
    /// Where the API is reached over the network; `None` when it is not.
    pub url: Option<String>,
    /// SHA-256 of the authority's public key; `None` when the API shows a certificate of the administrator's own.
    pub ca_fingerprint: Option<String>,
}

/// A token as it is listed: `GET /v1/people`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires: Timestamp,
    /// To the minute.
    pub last_used: Option<Timestamp>,
    pub expired: bool,
}

/// Whom the controller takes the caller for: `GET /v1/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhoAmI {
    /// As recorded with runs and events.
    pub name: String,
    pub role: Role,
    /// `None` for a local user.
    pub expires: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_token_are_the_same() {
        let token = PersonToken::create().unwrap();
        let text = token.to_string();
        assert_eq!(text.len(), TEXT_BYTES_MAX);
        assert!(text.starts_with("standin_"));
        assert_eq!(format!(" {text}\n").parse::<PersonToken>().unwrap(), token, "as pasted");
        assert_ne!(PersonToken::create().unwrap().secret(), token.secret());
        assert!(!format!("{token:?}").contains(token.secret()));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = PersonToken::create().unwrap().to_string();
        let short = &good[..good.len() - 1];
        for bad in ["", "standin_", "standin__", short, &format!("{good}0"), &format!("{good}_"), &good.to_uppercase()]
        {
            assert_eq!(bad.parse::<PersonToken>(), Err(PersonTokenError::Shape), "{bad}");
        }
        let join = crate::token::Token::create(&"ab".repeat(32)).unwrap().to_string();
        assert_eq!(join.parse::<PersonToken>(), Err(PersonTokenError::Join));
        assert!(good.parse::<crate::token::Token>().is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = text.parse::<PersonToken>();
        }
    }
}
