//! Hotkey files: the JSON that Bittensor's wallet tools write, and our own. Text in, text out; no file system.

use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

use super::account::AccountId;
use super::hex::{self, HexError};
use super::keypair::{KeyError, Keypair};
use super::phrase::PhraseError;
use super::scheme::Scheme;

/// What the file of an encrypted key begins with, by the wallet tools' three generations.
const ENCRYPTED: [&[u8]; 3] = [b"$NACL", b"$ANSIBLE_VAULT", b"gAAAAA"];

/// Reads a hotkey file.
///
/// The secret is taken from `secretSeed`, else from `secretPhrase`, else (sr25519 only) from `privateKey`. The
/// scheme is sr25519 unless `cryptoType` says otherwise: `"sr25519"` or `"ed25519"`, or the wallet library's numbers
/// 1 or 0. `publicKey`, `accountId` and `ss58Address` may be missing; those that are there must be the secret's.
/// A null counts as missing, other fields are ignored.
///
/// # Errors
/// [`HotkeyError`] names the field at fault and shows nothing of its value.
///
/// ```
/// use facilitator_core::signature::hotkey::{self, HotkeyError};
///
/// let file = r#"{"secretPhrase":
///     "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
///     "cryptoType": "ed25519", "ss58Address": "5DFJF7tY4bpbpcKPJcBTQaKuCDEPCpiz8TRjpmLeTtweqmXL"}"#;
/// let keypair = hotkey::parse(file)?;
/// assert_eq!(keypair.public().to_ss58(), "5DFJF7tY4bpbpcKPJcBTQaKuCDEPCpiz8TRjpmLeTtweqmXL");
/// assert_eq!(hotkey::parse(&hotkey::to_json(&keypair))?.public(), keypair.public());
/// assert_eq!(hotkey::parse("$NACL...").unwrap_err(), HotkeyError::Encrypted);
/// # Ok::<(), HotkeyError>(())
/// ```
pub fn parse<T: AsRef<[u8]> + ?Sized>(file: &T) -> Result<Keypair, HotkeyError> {
    let file = file.as_ref().trim_ascii_start();
    // Before anything else: what follows such a prefix may not even be text.
    if ENCRYPTED.iter().any(|prefix| file.starts_with(prefix)) {
        return Err(HotkeyError::Encrypted);
    }
    let fields: Fields = serde_json::from_slice(file).map_err(|error| HotkeyError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let scheme = fields.scheme()?;
    let keypair = fields.secret(scheme)?;
    fields.check_against(keypair.account())?;
    Ok(keypair)
}

/// Writes a hotkey file of our own: the wallet tools' fields, and `cryptoType`.
///
/// It holds the secret in plain text: as `secretSeed`, or as `privateKey` where the key has no seed.
pub fn to_json(keypair: &Keypair) -> Zeroizing<String> {
    // Roomy enough never to grow: growing would leave a copy of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(640));
    let account = keypair.account();
    let public = hex::encode(&account.to_bytes());
    let (secret_field, secret) = match (keypair.seed(), keypair.sr25519_secret_key()) {
        (None, Some(secret)) => ("privateKey", Zeroizing::new(hex::encode(secret.as_slice()))),
        (seed, _) => {
            let seed = seed.unwrap_or_default();
            ("secretSeed", Zeroizing::new(hex::encode(seed.as_slice())))
        }
    };
    let address = account.to_ss58();
    // Nothing here needs an escape: hexadecimal digits, base-58 and two fixed names.
    for part in [
        "{\"accountId\":\"0x",
        &public,
        "\",\"publicKey\":\"0x",
        &public,
        "\",\"",
        secret_field,
        "\":\"0x",
        &secret,
        "\",\"ss58Address\":\"",
        &address,
        "\",\"cryptoType\":\"",
        keypair.scheme().as_str(),
        "\"}",
    ] {
        text.push_str(part);
    }
    text
}

/// Why a hotkey file yields no key. Never shows any of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HotkeyError {
    /// The file is encrypted, as coldkeys usually are.
    #[error(
        "the key file is encrypted: decrypt it with the wallet tool first, or use a hotkey without password"
    )]
    Encrypted,
    /// The file is no JSON object.
    #[error(
        "the key file is no JSON object (line {line}, column {column}): a wallet's hotkey file is needed"
    )]
    NotJson {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault.
        column: usize,
    },
    /// A field has another type than text.
    #[error("the field `{field}` of the key file must be a text or null")]
    FieldType {
        /// The field's name.
        field: &'static str,
    },
    /// Only public fields, or none at all.
    #[error(
        "the key file holds no secret (`secretSeed`, `secretPhrase`): a public-only key cannot sign"
    )]
    NoSecret,
    /// `cryptoType` names a scheme that is not known here.
    #[error(
        "the field `cryptoType` of the key file is neither \"sr25519\" (or 1) nor \"ed25519\" (or 0)"
    )]
    CryptoType,
    /// `secretSeed` or `privateKey` has the wrong length.
    #[error(
        "the field `{field}` of the key file holds {found} bytes where {expected} are needed: was it made for another kind of key?"
    )]
    SecretLength {
        /// The field's name.
        field: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// A field that should be hexadecimal is not.
    #[error("the field `{field}` of the key file is no hexadecimal text")]
    NotHex {
        /// The field's name.
        field: &'static str,
    },
    /// `secretPhrase` is no BIP-39 phrase.
    #[error("the field `secretPhrase` of the key file: {0}")]
    Phrase(PhraseError),
    /// A public field does not belong to the secret.
    #[error(
        "the field `{field}` of the key file is not that of its secret: was the file edited, or is `cryptoType` wrong?"
    )]
    Mismatch {
        /// The field's name.
        field: &'static str,
    },
    /// The secret makes no key in this build.
    #[error(transparent)]
    Key(KeyError),
}

/// The fields that matter.
#[derive(Default)]
struct Fields {
    secret_seed: Field,
    secret_phrase: Field,
    private_key: Field,
    crypto_type: Field,
    public_key: Field,
    account_id: Field,
    ss58_address: Field,
}

/// A field's value, as far as it can mean anything.
#[derive(Default)]
enum Field {
    #[default]
    Missing,
    Text(Zeroizing<String>),
    Number(u64),
    Other,
}

impl Field {
    fn text(&self, field: &'static str) -> Result<Option<&str>, HotkeyError> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Number(_) | Self::Other => Err(HotkeyError::FieldType { field }),
        }
    }

    /// Exactly `N` bytes in hexadecimal; the wallet tools write a leading `0x` and read it as often as it occurs.
    fn secret_bytes<const N: usize>(
        &self,
        field: &'static str,
    ) -> Result<Option<Zeroizing<[u8; N]>>, HotkeyError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        match hex::decode(text.trim_start_matches("0x")) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(HexError::Length { found, .. }) if found.is_multiple_of(2) => {
                Err(HotkeyError::SecretLength {
                    field,
                    found: found / 2,
                    expected: N,
                })
            }
            Err(_) => Err(HotkeyError::NotHex { field }),
        }
    }
}

impl Fields {
    fn scheme(&self) -> Result<Scheme, HotkeyError> {
        match &self.crypto_type {
            Field::Missing => Ok(Scheme::Sr25519),
            Field::Text(name) => name.parse().map_err(|_| HotkeyError::CryptoType),
            Field::Number(number) => {
                Scheme::from_crypto_type(*number).ok_or(HotkeyError::CryptoType)
            }
            Field::Other => Err(HotkeyError::CryptoType),
        }
    }

    fn secret(&self, scheme: Scheme) -> Result<Keypair, HotkeyError> {
        if let Some(seed) = self.secret_seed.secret_bytes("secretSeed")? {
            return Keypair::from_wiped_seed(scheme, &seed).map_err(HotkeyError::Key);
        }
        if let Some(phrase) = self.secret_phrase.text("secretPhrase")? {
            return Keypair::from_phrase(scheme, phrase, "").map_err(|error| match error {
                KeyError::Phrase(error) => HotkeyError::Phrase(error),
                other => HotkeyError::Key(other),
            });
        }
        // What the wallet tools write for a key made from a secret URI. For ed25519 no tool agrees with another on
        // what a private key is, so there it is not guessed at.
        if scheme == Scheme::Sr25519
            && let Some(secret) = self.private_key.secret_bytes("privateKey")?
        {
            return Keypair::from_sr25519_secret_key(&secret).map_err(HotkeyError::Key);
        }
        Err(HotkeyError::NoSecret)
    }

    fn check_against(&self, account: AccountId) -> Result<(), HotkeyError> {
        for (name, field) in [
            ("publicKey", &self.public_key),
            ("accountId", &self.account_id),
        ] {
            let Some(text) = field.text(name)? else {
                continue;
            };
            if hex::decode(text.trim_start_matches("0x")) != Ok(account.to_bytes()) {
                return Err(HotkeyError::Mismatch { field: name });
            }
        }
        if let Some(text) = self.ss58_address.text("ss58Address")?
            && AccountId::from_ss58(text) != Ok(account)
        {
            return Err(HotkeyError::Mismatch {
                field: "ss58Address",
            });
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key file's object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    let field = match name.as_str() {
                        "secretSeed" => &mut fields.secret_seed,
                        "secretPhrase" => &mut fields.secret_phrase,
                        "privateKey" => &mut fields.private_key,
                        "cryptoType" => &mut fields.crypto_type,
                        "publicKey" => &mut fields.public_key,
                        "accountId" => &mut fields.account_id,
                        "ss58Address" => &mut fields.ss58_address,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *field = map.next_value()?;
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;

        impl<'de> Visitor<'de> for FieldVisitor {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Text(Zeroizing::new(text.into())))
            }

            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Missing)
            }

            fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
                Ok(Field::Number(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Field, A::Error> {
                IgnoredAny.visit_seq(seq).map(|_| Field::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                IgnoredAny.visit_map(map).map(|_| Field::Other)
            }
        }

        deserializer.deserialize_any(FieldVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::scheme::SchemeUnavailable;
    use alloc::format;

    const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

    fn ed25519(fields: &str) -> Result<Keypair, HotkeyError> {
        parse(&format!("{{\"cryptoType\": \"ed25519\"{fields}}}"))
    }

    fn error(fields: &str) -> HotkeyError {
        ed25519(fields).unwrap_err()
    }

    fn seed_field() -> String {
        format!(", \"secretSeed\": \"0x{}\"", "11".repeat(32))
    }

    #[test]
    fn a_seed_goes_before_a_phrase() {
        let expected = Keypair::from_seed(Scheme::Ed25519, [0x11; 32]).unwrap();
        for phrase in [PHRASE, "not a phrase"] {
            let keypair =
                ed25519(&format!("{}, \"secretPhrase\": \"{phrase}\"", seed_field())).unwrap();
            assert_eq!(keypair.public(), expected.public());
        }
        // Without prefix, and with the doubled one that a wallet of old wrote.
        for prefix in ["", "0x0x"] {
            let file = seed_field().replace("0x", prefix);
            assert_eq!(ed25519(&file).unwrap().public(), expected.public());
        }
        let null_seed = format!(", \"secretSeed\": null, \"secretPhrase\": \"{PHRASE}\"");
        assert_eq!(
            ed25519(&null_seed).unwrap().public(),
            Keypair::from_phrase(Scheme::Ed25519, PHRASE, "")
                .unwrap()
                .public()
        );
    }

    #[test]
    fn the_scheme_has_names_and_numbers() {
        let file = |crypto_type: &str| {
            parse(&format!(
                "{{\"cryptoType\": {crypto_type}{}}}",
                seed_field()
            ))
        };
        assert_eq!(file("0").unwrap().scheme(), Scheme::Ed25519);
        for unknown in ["2", "-1", "1.0", "\"ecdsa\"", "true", "[]", "{}"] {
            assert_eq!(
                file(unknown).unwrap_err(),
                HotkeyError::CryptoType,
                "{unknown}"
            );
        }
        for sr25519 in ["1", "\"sr25519\"", "null"] {
            let result = file(sr25519).map(|keypair| keypair.scheme());
            let expected = if Scheme::Sr25519.is_available() {
                Ok(Scheme::Sr25519)
            } else {
                let scheme = Scheme::Sr25519;
                Err(HotkeyError::Key(KeyError::SchemeUnavailable(
                    SchemeUnavailable { scheme },
                )))
            };
            assert_eq!(result, expected, "{sr25519}");
        }
    }

    #[test]
    fn public_fields_must_match() {
        let account = Keypair::from_seed(Scheme::Ed25519, [0x11; 32])
            .unwrap()
            .account();
        let good = [
            (
                "publicKey",
                format!("0x{}", hex::encode(&account.to_bytes())),
            ),
            ("accountId", hex::encode(&account.to_bytes())),
            ("ss58Address", account.to_ss58()),
        ];
        for (field, value) in &good {
            assert!(
                ed25519(&format!("{}, \"{field}\": \"{value}\"", seed_field())).is_ok(),
                "{field}"
            );
            for bad in [
                "",
                "0x00",
                "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
            ] {
                assert_eq!(
                    error(&format!("{}, \"{field}\": \"{bad}\"", seed_field())),
                    HotkeyError::Mismatch { field }
                );
            }
            assert_eq!(
                error(&format!("{}, \"{field}\": 5", seed_field())),
                HotkeyError::FieldType { field }
            );
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        assert_eq!(error(""), HotkeyError::NoSecret);
        assert_eq!(
            error(", \"publicKey\": \"0x00\", \"secretSeed\": null, \"privateKey\": \"0x00\""),
            HotkeyError::NoSecret
        );
        let field = "secretSeed";
        let long = format!(", \"{field}\": \"0x{}\"", "11".repeat(64));
        assert_eq!(
            error(&long),
            HotkeyError::SecretLength {
                field,
                found: 64,
                expected: 32
            }
        );
        assert_eq!(
            error(", \"secretSeed\": \"0xzz\""),
            HotkeyError::NotHex { field }
        );
        assert_eq!(
            error(", \"secretSeed\": \"0x123\""),
            HotkeyError::NotHex { field }
        );
        assert_eq!(
            error(", \"secretSeed\": {\"a\": [1]}"),
            HotkeyError::FieldType { field }
        );
        assert_eq!(
            error(", \"secretPhrase\": \"one two\""),
            HotkeyError::Phrase(PhraseError::WordCount { found: 2 })
        );
        for encrypted in [
            b"$NACL\xff\xfe".as_slice(),
            b"$ANSIBLE_VAULT;1.1",
            b"gAAAAABf",
        ] {
            assert_eq!(parse(encrypted).unwrap_err(), HotkeyError::Encrypted);
        }
        for no_object in [
            "",
            "[]",
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
            "{",
            "{} x",
            "\"0x11\"",
        ] {
            assert!(
                matches!(parse(no_object), Err(HotkeyError::NotJson { .. })),
                "{no_object}"
            );
        }
        assert!(matches!(
            parse(b"\xff".as_slice()),
            Err(HotkeyError::NotJson { .. })
        ));
    }

    #[test]
    fn errors_hide_the_secret() {
        for fields in [
            ", \"secretSeed\": \"hunter2\"",
            ", \"secretPhrase\": \"hunter2\"",
            ", \"secretSeed\": [\"hunter2\"]",
            ", \"secretSeed\": \"hunter2",
        ] {
            let error = error(fields);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn our_own_file_is_read_back() {
        let keypair = Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap();
        let text = to_json(&keypair);
        assert!(text.capacity() == 640, "it grew to {}", text.capacity());
        assert!(
            text.contains("\"secretSeed\":\"0x") && !text.contains("privateKey"),
            "{}",
            *text
        );
        let read = parse(text.as_str()).unwrap();
        assert_eq!(
            (read.public(), read.seed()),
            (keypair.public(), keypair.seed())
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[cfg(feature = "sr25519")]
    #[test]
    fn keys_without_seed_are_read_back_too() {
        let keypair = Keypair::from_uri(Scheme::Sr25519, "//Alice/soft").unwrap();
        let text = to_json(&keypair);
        assert!(
            text.contains("\"privateKey\":\"0x") && !text.contains("secretSeed"),
            "{}",
            *text
        );
        assert!(text.capacity() == 640, "it grew to {}", text.capacity());
        let read = parse(text.as_str()).unwrap();
        assert_eq!(read.public(), keypair.public());
        assert_eq!(read.sign(b"message"), keypair.sign(b"message"));
    }

    /// The shape of a file that the wallet library wrote for this phrase.
    #[cfg(feature = "sr25519")]
    #[test]
    fn a_wallets_file() {
        let keypair = Keypair::from_phrase(Scheme::Sr25519, PHRASE, "").unwrap();
        let public = keypair.public().to_hex();
        let seed = hex::encode(keypair.seed().unwrap().as_slice());
        let private = hex::encode(keypair.sr25519_secret_key().unwrap().as_slice());
        let address = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV";
        let file = format!(
            "{{\"accountId\":\"0x{public}\",\"publicKey\":\"0x{public}\",\"privateKey\":\"0x{private}\",\
             \"secretPhrase\":\"{PHRASE}\",\"secretSeed\":\"0x{seed}\",\"ss58Address\":\"{address}\"}}"
        );
        assert_eq!(parse(&file).unwrap().public().to_ss58(), address);
        let without = |field: &str| {
            let value: serde_json::Value = serde_json::from_str(&file).unwrap();
            let mut object = value.as_object().unwrap().clone();
            object.remove(field).unwrap();
            object
        };
        let mut object = without("secretSeed");
        assert_eq!(
            parse(&serde_json::to_string(&object).unwrap())
                .unwrap()
                .public()
                .to_ss58(),
            address
        );
        object.remove("secretPhrase");
        assert_eq!(
            parse(&serde_json::to_string(&object).unwrap())
                .unwrap()
                .public()
                .to_ss58(),
            address
        );
        object.remove("privateKey");
        assert_eq!(
            parse(&serde_json::to_string(&object).unwrap()).unwrap_err(),
            HotkeyError::NoSecret
        );
        let wrong_type = file.replace('}', ",\"cryptoType\":0}");
        assert_eq!(
            parse(&wrong_type).unwrap_err(),
            HotkeyError::Mismatch { field: "publicKey" }
        );
    }
}
