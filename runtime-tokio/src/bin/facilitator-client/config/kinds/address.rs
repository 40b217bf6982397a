//! Where something is served. Whether others may reach it is decided with the other keys at hand.

use super::super::given::{Given, Wrong, quoted};
use super::{Kind, toml_string};
use crate::monitor::{Address, address};

/// An address of this machine, or none.
pub(crate) struct Listen;

impl Kind for Listen {
    type Value = Option<Address>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        // A port alone is a number.
        let number = given.number();
        let text = match &number {
            Some(number) => number,
            None => given.text()?,
        };
        text.parse()
            .map(Some)
            .map_err(|()| Wrong::found(quoted(text)))
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value.map(|address| toml_string(&address.to_string()))
    }

    fn accepted(&self) -> String {
        address::ACCEPTED.to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "ADDR"
    }
}
