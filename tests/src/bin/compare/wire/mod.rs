//! The rows that are measured over sockets.

pub(crate) mod cores;
pub(crate) mod process;
pub(crate) mod role;

use facilitator_tests::compare::Row;

use super::role::Role;

/// Whatever goes wrong ends a measurement, with words for whoever reads them.
pub(crate) type Result<T> = core::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) const ROWS: &[Row] = &[];

pub(crate) const ROLES: &[Role] = &[];
