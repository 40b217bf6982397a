//! An account: 32 public bytes that name a key without saying its scheme. No cryptography here.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use super::ss58::{self, Ss58Error};

/// The 32 bytes behind an SS58 address.
///
/// They are a public key, but the address does not say of which scheme, and not even that they are a point on its
/// curve. What compares signatories, own hotkeys and whitelists compares these, so an address written with another
/// network's prefix is the same account.
///
/// ```
/// use facilitator_core::signature::AccountId;
///
/// let alice: AccountId = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse()?;
/// let on_polkadot: AccountId = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5".parse()?;
/// assert_eq!(alice, on_polkadot);
/// assert_eq!(on_polkadot.to_string(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
/// # Ok::<(), facilitator_core::signature::ss58::Ss58Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 32]);

impl AccountId {
    /// The account of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads an SS58 address of any network.
    ///
    /// # Errors
    /// [`Ss58Error`], when the text is no such address.
    pub fn from_ss58(text: &str) -> Result<Self, Ss58Error> {
        ss58::decode(text).map(|address| Self(address.account))
    }

    /// The bytes.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The address with Bittensor's prefix, 42.
    pub fn to_ss58(self) -> String {
        ss58::encode(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = Ss58Error;

    fn from_str(text: &str) -> Result<Self, Ss58Error> {
        Self::from_ss58(text)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_ss58())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({})", self.to_ss58())
    }
}
