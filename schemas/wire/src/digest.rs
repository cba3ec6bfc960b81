//! The two hashes of identity: SHA-256 for what people compare with other tools, BLAKE3 for everything of our own.

use rustls::{SupportedCipherSuite, crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256};
use std::fmt::Write;

/// SHA-256 in hexadecimal, by the provider TLS uses anyway.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => hex(suite.common.hash_provider.hash(bytes).as_ref()),
        // The constant is a TLS 1.3 suite; an empty text equals no pin.
        #[allow(unreachable_patterns)]
        _ => String::new(),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Bytes nobody can guess, from the provider of TLS; `None` when the system has no randomness to give.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn hexadecimal_is_lower_case_and_of_the_right_length() {
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
        assert!(is_hex("00ff10", 6) && !is_hex("00FF10", 6) && !is_hex("00ff1", 6) && !is_hex("00ffg0", 6));
    }
}
