//! The rows that are measured over sockets.

use facilitator_tests::compare::Row;

use super::role::Role;

pub(crate) const ROWS: &[Row] = &[];

pub(crate) const ROLES: &[Role] = &[];
