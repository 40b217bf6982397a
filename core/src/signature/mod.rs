//! Keys, addresses, signatures and what they sign.
