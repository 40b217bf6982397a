//! True or false.

use super::super::given::{Given, Wrong};
use super::{Kind, Shape};

/// True or false; its flag alone means true.
pub(crate) struct Switch;

impl Kind for Switch {
    type Value = bool;

    fn read(&self, given: &Given<'_>) -> Result<bool, Wrong> {
        given.truth().ok_or_else(|| {
            let text = given.text().ok().map(str::to_lowercase);
            let meant = match (text.as_deref(), given.digits().as_deref()) {
                (Some("true" | "yes" | "on" | "1" | "y"), _) | (_, Some("1")) => Some("true"),
                (Some("false" | "no" | "off" | "0" | "n"), _) | (_, Some("0")) => Some("false"),
                _ => None,
            };
            given.unexpected().meant(meant)
        })
    }

    fn show(&self, value: &bool) -> Option<String> {
        Some(value.to_string())
    }

    fn accepted(&self) -> String {
        "true or false".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "BOOL"
    }

    fn shape(&self) -> Shape {
        Shape::Switch
    }
}
