//! For how long a certificate is good, and when it is time for the next one.

use super::{IdentityError, peer};
use model::Timestamp;
use x509_parser::time::ASN1Time;

/// The first and the last moment of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Lifetime {
    pub fn of(certificate_pem: &str) -> Result<Self, IdentityError> {
        peer::read(certificate_pem, |certificate| {
            let validity = certificate.validity();
            Self { from: moment(validity.not_before), until: moment(validity.not_after) }
        })
    }

    /// Tells whether the next certificate is to be asked for: after two thirds, so that the last third is left for
    /// a controller that cannot be reached.
    pub fn is_due(self, now: Timestamp) -> bool {
        now.0 >= self.from.0.saturating_add(self.until.since(self.from).as_millis() as u64 / 3 * 2)
    }
}

/// A moment before 1970 is one that has passed.
fn moment(at: ASN1Time) -> Timestamp {
    Timestamp(u64::try_from(at.timestamp()).unwrap_or(0).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_due_after_two_thirds() {
        let lifetime = Lifetime { from: Timestamp(3_000), until: Timestamp(6_000) };
        assert!(!lifetime.is_due(Timestamp(0)) && !lifetime.is_due(Timestamp(4_999)));
        assert!(lifetime.is_due(Timestamp(5_000)) && lifetime.is_due(Timestamp(9_000)));
        let backwards = Lifetime { from: Timestamp(6_000), until: Timestamp(3_000) };
        assert!(backwards.is_due(Timestamp(6_000)));
    }
}
