//! SS58: the text form of an account, with the network's prefix and a checksum. Knows no scheme.

use alloc::string::String;

use blake2::{Blake2b512, Digest as _};

/// The prefix of Bittensor's addresses (Substrate's generic one); what [`encode`] writes.
pub const BITTENSOR_PREFIX: u16 = 42;

const ACCOUNT_LEN: usize = 32;
const CHECKSUM_LEN: usize = 2;
/// The longest address in base-58 digits: two prefix bytes, the account and the checksum.
const MAX_TEXT_LEN: usize = 50;

/// An address taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The network that the address was written for. It says nothing about the key.
    pub prefix: u16,
    /// The account: the public key's 32 bytes, whatever their scheme.
    pub account: [u8; ACCOUNT_LEN],
}

/// Why a text is no SS58 address of a 32-byte account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ss58Error {
    /// A character outside the base-58 alphabet, or a text far too long.
    #[error(
        "not base-58 text: an SS58 address has 46 to 50 letters and digits, without `0`, `O`, `I` and `l`"
    )]
    Base58,
    /// The bytes inside are too many or too few.
    #[error("{found} bytes inside: not the address of a 32-byte account")]
    Length {
        /// How many bytes were found.
        found: usize,
    },
    /// A prefix that the format reserves.
    #[error("a network prefix that the SS58 format reserves")]
    Prefix,
    /// The checksum is wrong: the address was mistyped or cut.
    #[error("the checksum does not match: the address was mistyped or damaged")]
    Checksum,
}

/// The address of an account with Bittensor's prefix, 42.
///
/// ```
/// use facilitator_core::signature::ss58;
///
/// let address = ss58::encode(&[0; 32]);
/// assert_eq!(address, "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM");
/// assert_eq!(ss58::decode(&address)?.account, [0; 32]);
/// # Ok::<(), ss58::Ss58Error>(())
/// ```
pub fn encode(account: &[u8; ACCOUNT_LEN]) -> String {
    let mut bytes = [0; 1 + ACCOUNT_LEN + CHECKSUM_LEN];
    let (body, sum) = bytes.split_at_mut(1 + ACCOUNT_LEN);
    let (prefix, payload) = body.split_at_mut(1);
    // Below 64 the prefix is its own single byte.
    prefix.copy_from_slice(&[42]);
    payload.copy_from_slice(account);
    sum.copy_from_slice(&checksum(body));
    bs58::encode(bytes).into_string()
}

/// Reads an address of any network.
///
/// The prefix is returned and not judged: the reference takes a signatory written with another network's prefix
/// for the same key.
///
/// # Errors
/// [`Ss58Error`] says which part of the format is broken.
pub fn decode(text: &str) -> Result<Address, Ss58Error> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Ss58Error::Base58);
    }
    // Every digit is worth less than a byte, so this holds whatever the text decodes to.
    let mut buffer = [0; MAX_TEXT_LEN];
    let len = bs58::decode(text)
        .onto(&mut buffer)
        .map_err(|_| Ss58Error::Base58)?;
    let bytes = buffer.get(..len).unwrap_or_default();
    let wrong_length = Ss58Error::Length { found: len };

    let (prefix, prefix_len) = match bytes {
        [first @ 0..=63, ..] => (u16::from(*first), 1),
        // Six bits of the first byte and two of the second are the low byte, the rest of the second is the high one.
        [first @ 64..=127, second, ..] => (
            u16::from((first << 2) | (second >> 6)) | u16::from(second & 0x3f) << 8,
            2,
        ),
        [128..=255, ..] => return Err(Ss58Error::Prefix),
        _ => return Err(wrong_length),
    };
    let (body, sum) = bytes
        .split_at_checked(prefix_len + ACCOUNT_LEN)
        .ok_or(wrong_length)?;
    let sum = <[u8; CHECKSUM_LEN]>::try_from(sum).map_err(|_| wrong_length)?;
    // Substrate reserves these two and refuses them.
    if matches!(prefix, 46 | 47) {
        return Err(Ss58Error::Prefix);
    }
    if sum != checksum(body) {
        return Err(Ss58Error::Checksum);
    }
    let account = body.last_chunk().copied().ok_or(wrong_length)?;
    Ok(Address { prefix, account })
}

/// The first two bytes of BLAKE2b-512 over `SS58PRE`, prefix and account.
fn checksum(body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = Blake2b512::new()
        .chain_update(b"SS58PRE")
        .chain_update(body)
        .finalize();
    let mut sum = [0; CHECKSUM_LEN];
    for (to, from) in sum.iter_mut().zip(hash) {
        *to = from;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Alice's sr25519 account, as every Substrate node prints it for several networks.
    const ALICE: [u8; 32] = [
        0xd4, 0x35, 0x93, 0xc7, 0x15, 0xfd, 0xd3, 0x1c, 0x61, 0x14, 0x1a, 0xbd, 0x04, 0xa9, 0x9f,
        0xd6, 0x82, 0x2c, 0x85, 0x58, 0x85, 0x4c, 0xcd, 0xe3, 0x9a, 0x56, 0x84, 0xe7, 0xa5, 0x6d,
        0xa2, 0x7d,
    ];
    const ALICE_42: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    /// An address with any prefix byte(s), with a right checksum.
    fn address_with(prefix: &[u8], account: &[u8]) -> String {
        let mut bytes: Vec<u8> = [prefix, account].concat();
        let sum = checksum(&bytes);
        bytes.extend(sum);
        bs58::encode(bytes).into_string()
    }

    #[test]
    fn alice_is_known() {
        assert_eq!(encode(&ALICE), ALICE_42);
        assert_eq!(
            decode(ALICE_42),
            Ok(Address {
                prefix: 42,
                account: ALICE
            })
        );
    }

    #[test]
    fn other_networks_name_the_same_account() {
        // Polkadot and Kusama, as their explorers show Alice.
        let polkadot = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
        let kusama = "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F";
        assert_eq!(
            decode(polkadot),
            Ok(Address {
                prefix: 0,
                account: ALICE
            })
        );
        assert_eq!(
            decode(kusama),
            Ok(Address {
                prefix: 2,
                account: ALICE
            })
        );
    }

    #[test]
    fn two_byte_prefixes_are_read() {
        // 255 = 0b0000_0000_1111_1111: first byte 0b01 + bits 2..8, second byte: bits 0..2, then bits 8..14.
        let text = address_with(&[0b0111_1111, 0b1100_0000], &ALICE);
        assert_eq!(
            decode(&text),
            Ok(Address {
                prefix: 255,
                account: ALICE
            })
        );
        let text = address_with(&[0b0111_1111, 0b1111_1111], &ALICE);
        assert_eq!(
            decode(&text),
            Ok(Address {
                prefix: 16_383,
                account: ALICE
            })
        );
    }

    #[test]
    fn reserved_prefixes_are_refused() {
        for prefix in [46, 47, 128, 255] {
            assert_eq!(
                decode(&address_with(&[prefix], &ALICE)),
                Err(Ss58Error::Prefix),
                "{prefix}"
            );
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for len in [0, 1, 31, 33] {
            let text = address_with(&[42], &ALICE.repeat(2)[..len]);
            assert!(
                matches!(decode(&text), Err(Ss58Error::Length { .. })),
                "{len}"
            );
        }
        assert_eq!(decode(""), Err(Ss58Error::Length { found: 0 }));
        assert_eq!(
            decode("1".repeat(50).as_str()),
            Err(Ss58Error::Length { found: 50 })
        );
        assert_eq!(decode("1".repeat(51).as_str()), Err(Ss58Error::Base58));
    }

    #[test]
    fn any_changed_character_is_noticed() {
        for (position, old) in ALICE_42.char_indices() {
            for new in "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl é".chars() {
                if new == old {
                    continue;
                }
                let mut changed = String::from(&ALICE_42[..position]);
                changed.push(new);
                changed.push_str(&ALICE_42[position + 1..]);
                // Two checksum bytes let one change in 65,536 through; of these 3,000 none does.
                assert!(decode(&changed).is_err(), "{changed}");
            }
        }
    }
}
