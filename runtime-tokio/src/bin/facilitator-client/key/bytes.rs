//! Signing and verifying plain bytes: all of stdin, under one key.

use std::fmt::Write as _;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::signature::{AccountId, PublicKey, Scheme, Signature};

use super::streams;
use crate::failure::Failure;

/// Signs stdin.
pub(super) fn sign(keypair: &Keypair) -> Result<(), Failure> {
    let signature = keypair.sign(&streams::read_all()?);
    let mut text = String::from("0x");
    for byte in signature.as_bytes() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    streams::print(&text)
}

/// Verifies a signature over stdin.
pub(super) fn verify(
    signatory: AccountId,
    scheme: Option<Scheme>,
    signature: &Signature,
) -> Result<(), Failure> {
    let message = streams::read_all()?;
    let scheme = scheme.unwrap_or_else(|| signature.scheme());
    let invalid = |error: &dyn std::fmt::Display| Failure::failed(format!("invalid: {error}"));
    let key = PublicKey::from_bytes(scheme, &signatory.to_bytes()).map_err(|e| invalid(&e))?;
    key.verify(&message, signature).map_err(|e| invalid(&e))?;
    streams::print(&format!("valid: {scheme} {signatory}"))
}

/// A signature as `0x` and 128 hexadecimal digits of either case.
pub(super) fn parse_signature(text: &str) -> Result<Signature, String> {
    let parse = || {
        let digits = text.strip_prefix("0x")?.as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
            .collect();
        Signature::from_slice(&bytes?).ok()
    };
    parse().ok_or_else(|| {
        format!(
            "accepted are 0x and {} hexadecimal digits",
            2 * Signature::LENGTH
        )
    })
}
