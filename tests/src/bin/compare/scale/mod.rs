//! The rows about many sessions, idle ones, and ending.

mod certificate;
mod server;

use facilitator_tests::compare::Row;

use super::role::Role;

pub(crate) const ROWS: &[Row] = &[];

pub(crate) const ROLES: &[Role] = &[Role {
    name: "scale-server",
    play: |words| server::serve(words == ["tls"]).map_err(|error| error.to_string()),
}];
