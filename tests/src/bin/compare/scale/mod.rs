//! The rows about many sessions, idle ones, and ending.

use facilitator_tests::compare::Row;

use super::role::Role;

pub(crate) const ROWS: &[Row] = &[];

pub(crate) const ROLES: &[Role] = &[];
