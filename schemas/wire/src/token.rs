//! The word with which a new agent is let in once: `v1.<pin of the authority>.<id>.<secret>`.

use crate::digest::{hex, is_hex, random};
use std::{fmt, str::FromStr};

const VERSION: &str = "v1";
const PIN_CHARS: usize = 64;
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// A join token. Its secret is shown by `Display` only, never by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the authority's public key: whom the joining agent may trust.
    pub pin: String,
    /// Finds the token at the controller.
    pub id: String,
    secret: String,
}

/// Why a text is not a token. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a join token; one looks like v1.<64 hex digits>.<16 hex digits>.<64 hex digits>")]
    Shape,
    #[error("this token is of a version this program does not know")]
    Version,
    #[error("the system gives no random bytes")]
    Random,
}

impl Token {
    /// Makes a new token for the authority with this pin.
    pub fn create(pin: &str) -> Result<Self, TokenError> {
        let id = hex(&random::<ID_BYTES>().ok_or(TokenError::Random)?);
        let secret = hex(&random::<SECRET_BYTES>().ok_or(TokenError::Random)?);
        if !is_hex(pin, PIN_CHARS) {
            return Err(TokenError::Shape);
        }
        Ok(Self { pin: pin.to_owned(), id, secret })
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// What the controller keeps in place of the secret. The secret has 256 random bits, so a plain hash is enough.
pub fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Tells whether `secret` is the one `stored` was made from, in a time that does not depend on where they differ.
pub fn verify(secret: &str, stored: &str) -> bool {
    blake3::Hash::from_hex(stored).is_ok_and(|stored| stored == blake3::hash(secret.as_bytes()))
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}.{}.{}.{}", self.pin, self.id, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("pin", &self.pin).field("id", &self.id).finish_non_exhaustive()
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let parts: Vec<&str> = text.trim().splitn(5, '.').collect();
        let [version, pin, id, secret] = parts[..] else {
            return Err(TokenError::Shape);
        };
        if version != VERSION {
            return Err(TokenError::Version);
        }
        if !is_hex(pin, PIN_CHARS) || !is_hex(id, ID_BYTES * 2) || !is_hex(secret, SECRET_BYTES * 2) {
            return Err(TokenError::Shape);
        }
        Ok(Self { pin: pin.to_owned(), id: id.to_owned(), secret: secret.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> Token {
        Token::create(&"ab".repeat(32)).unwrap()
    }

    #[test]
    fn text_and_token_are_the_same() {
        let token = token();
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        assert_eq!(format!("  {token}\n").parse::<Token>().unwrap(), token, "as pasted");
        assert_ne!(token.secret(), self::token().secret());
    }

    #[test]
    fn debug_tells_no_secret() {
        let token = token();
        assert!(!format!("{token:?}").contains(token.secret()));
    }

    #[test]
    fn only_the_secret_itself_verifies() {
        let (token, stored) = (token(), hash("x"));
        assert!(verify("x", &stored) && !verify("y", &stored) && !verify("", &stored));
        assert!(!verify(token.secret(), "") && !verify(token.secret(), token.secret()));
        assert!(verify(token.secret(), &hash(token.secret())));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = token().to_string();
        assert_eq!(good.replace("v1", "v2").parse::<Token>(), Err(TokenError::Version));
        for bad in [
            "",
            "v1",
            "v1...",
            &good[..good.len() - 1],
            &format!("{good}0"),
            &format!("{good}.0"),
            &good.to_uppercase(),
        ] {
            assert!(bad.parse::<Token>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = text.parse::<Token>();
        }
    }
}
