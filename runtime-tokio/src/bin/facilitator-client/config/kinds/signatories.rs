//! Whose signatures count.

use std::collections::BTreeSet;

use facilitator_tokio::core::client::Signatories;
use facilitator_tokio::core::signature::AccountId;

use super::super::given::{Given, Wrong, quoted};
use super::super::nearest::nearest;
use super::{Kind, Shape, toml_string};

pub(crate) const ANYONE: &str = "anyone";
pub(crate) const UNVERIFIED: &str = "unverified";

/// A list of accounts, or a word.
pub(crate) struct Trusted;

impl Kind for Trusted {
    type Value = Signatories;

    fn read(&self, given: &Given<'_>) -> Result<Signatories, Wrong> {
        if let Ok(word) = given.text() {
            match word {
                ANYONE => return Ok(Signatories::Anyone),
                UNVERIFIED => return Ok(Signatories::Unverified),
                _ if matches!(given, Given::Toml { .. }) => {
                    let meant = nearest(word, [ANYONE, UNVERIFIED]).map(|word| format!("{word:?}"));
                    let meant =
                        meant.or_else(|| account(word).is_ok().then(|| format!("[{word:?}]")));
                    return Err(
                        Wrong::found(format!("{}, which is no list", quoted(word))).meant(meant)
                    );
                }
                _ => {}
            }
        }
        let mut accounts = BTreeSet::new();
        for (text, span) in given.items(',')? {
            let account = account(&text).map_err(|wrong| match &span {
                Some(span) => wrong.at(span),
                None => wrong,
            })?;
            accounts.insert(account);
        }
        Ok(Signatories::OwnAnd(accounts))
    }

    fn show(&self, value: &Signatories) -> Option<String> {
        match value {
            Signatories::OwnAnd(accounts) => {
                let accounts: Vec<String> = accounts
                    .iter()
                    .map(|account| toml_string(&account.to_ss58()))
                    .collect();
                Some(format!("[{}]", accounts.join(", ")))
            }
            Signatories::Anyone => Some(toml_string(ANYONE)),
            Signatories::Unverified => Some(toml_string(UNVERIFIED)),
            _ => None,
        }
    }

    fn accepted(&self) -> String {
        format!("a list of SS58 addresses, or the word {ANYONE:?} or {UNVERIFIED:?}")
    }

    fn placeholder(&self) -> &'static str {
        "SS58"
    }

    fn shape(&self) -> Shape {
        Shape::Repeated
    }
}

/// An account by its address.
pub(crate) fn account(text: &str) -> Result<AccountId, Wrong> {
    AccountId::from_ss58(text).map_err(|error| {
        let what = format!("{}, which is no SS58 address: {error}", quoted(text));
        // A word in a list, or on the command line.
        let meant = nearest(text, [ANYONE, UNVERIFIED]).map(|word| format!("{word:?}"));
        Wrong::found(what).meant(meant)
    })
}
