//! Enumerations whose members are names on the wire: one macro, so that every one of them offers the same.

use alloc::string::String;

/// The name belongs to no member of the enumeration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {what}: use one of {}", accepted.join(", "))]
pub struct UnknownName {
    /// What was looked for, in words.
    pub(crate) what: &'static str,
    /// The name that was found, cut to a bounded length.
    pub(crate) found: String,
    /// Every name that is accepted.
    pub(crate) accepted: &'static [&'static str],
}

/// Declares an enumeration with its wire names: `ALL`, `as_str`, `Display`, `FromStr` and `Serialize`.
macro_rules! wire_names {
    (
        $(#[$meta:meta])*
        $what:literal $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[$doc])* $variant, )+ }

        impl $name {
            /// Every member, in the reference's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The member of that exact name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::message::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::from_name(name).ok_or_else(|| $crate::message::UnknownName {
                    what: $what,
                    found: $crate::message::error::shorten(name),
                    accepted: &[$($text),+],
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_names;
