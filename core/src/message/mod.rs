//! The wire: every message of the protocol, its fields and its exact encoding.
