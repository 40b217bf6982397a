//! What the reference's facilitator cannot digest although it parses, as far as a message alone tells. The session
//! refuses it at its door, the simulated facilitator crashes on it; both ask here.

use uuid::Uuid;

use super::json::Tape;
use super::{Json, JsonType, MAX_DEPTH, StreamingServerDetails, V0MachineSpecsUpdate};

/// Reads a uuid in the spellings that Python's `uuid.UUID` is meant for: 32 hexadecimal digits of either case, hyphens
/// anywhere or nowhere, braces around them, `urn:uuid:` in front. `None` when it is none, or longer than 128 bytes.
///
/// What Python takes by accident, a sign or underscores in place of digits, is none here.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    // The usual spelling, of which there is one.
    if text.len() == 36
        && let Ok(uuid) = Uuid::try_parse(text)
    {
        return Some(uuid);
    }
    // Nothing that is a uuid is longer, and what is not shall not cost.
    if text.len() > 128 {
        return None;
    }
    let text = text.replace("urn:", "").replace("uuid:", "");
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    let sound = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bits = sound
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten();
    bits.map(Uuid::from_u128)
}

/// Reads a uuid in its usual spelling only: lower case, and hyphens where they belong. What it refuses may still be
/// one in another spelling.
pub(crate) fn parse_usual_uuid(text: &str) -> Option<Uuid> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [bytes[8], bytes[13], bytes[18], bytes[23]] != *b"----" {
        return None;
    }
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&bytes[..8]);
    digits[8..12].copy_from_slice(&bytes[9..13]);
    digits[12..16].copy_from_slice(&bytes[14..18]);
    digits[16..20].copy_from_slice(&bytes[19..23]);
    digits[20..].copy_from_slice(&bytes[24..]);
    // All at once, byte by byte: in vectors, where there are some.
    let mut wrong = 0;
    for digit in &mut digits {
        let letter = if *digit & 0x40 == 0 { 0 } else { 9 };
        let value = ((*digit & 0x0F) + letter) & 0x0F;
        let spelled = value + if value > 9 { b'a' - 10 } else { b'0' };
        wrong |= spelled ^ *digit;
        *digit = value;
    }
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
        *byte = high << 4 | low;
    }
    (wrong == 0).then(|| Uuid::from_bytes(bytes))
}

/// Whether a valid JSON text holds a NUL character, which the reference's database cannot. JSON can only spell it
/// `\u0000`.
pub(crate) fn contains_nul(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('\\') {
        if escape.starts_with("u0000") {
            return true;
        }
        // Step over the escaped character: it may be a backslash itself.
        let mut chars = escape.chars();
        chars.next();
        rest = chars.as_str();
    }
    false
}

/// Whether a message that was written can be read, by the reference or from a snapshot: values that are within the
/// limits each can be beyond them together.
pub(crate) fn is_within_limits(text: &str) -> bool {
    // Each level has two brackets, and the other limits are higher still.
    text.len() <= 2 * MAX_DEPTH || Tape::read(text, |_| ()).is_ok()
}

/// The first of a `streaming_ready`'s details that is missing; the reference needs all three.
pub(crate) fn missing_streaming_detail(details: &StreamingServerDetails) -> Option<&'static str> {
    if details.streaming_server_cert.is_none() {
        Some("streaming_server_cert")
    } else if details.streaming_server_address.is_none() {
        Some("streaming_server_address")
    } else if details.streaming_server_port.is_none() {
        Some("streaming_server_port")
    } else {
        None
    }
}

/// The first part of machine specs without which the reference cannot read those of a miner that it knows.
pub(crate) fn missing_specs_part(update: &V0MachineSpecsUpdate) -> Option<&'static str> {
    let is_object = |key: &str| {
        let value = update.specs.get(key);
        value.is_some_and(|value| value.json_type() == JsonType::Object)
    };
    if !update.specs.get("cpu").is_some_and(has_count) {
        Some("`cpu` with an integer `count`")
    } else if !is_object("ram") {
        Some("the object `ram`")
    } else if !is_object("hard_disk") {
        Some("the object `hard_disk`")
    } else {
        None
    }
}

fn has_count(cpu: &Json) -> bool {
    cpu.to_map().is_some_and(|cpu| {
        cpu.get("count")
            .is_some_and(|count| count.json_type() == JsonType::Integer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[test]
    fn nul_is_found_by_its_escape_only() {
        assert!(contains_nul(r#"{"a":"x\u0000y"}"#));
        assert!(contains_nul(r#"{"a\u0000":1}"#));
        assert!(contains_nul(r#""\\\u0000""#));
        assert!(!contains_nul(r#""\\u0000""#));
        assert!(!contains_nul(r#""\u0001 u0000 \"u0000""#));
        assert!(!contains_nul(r#"{"a":0}"#));
        assert!(!contains_nul("\"\\"));
    }

    #[test]
    fn specs_need_a_cpu_with_a_count_and_ram_and_hard_disk() {
        let missing = |specs: &[(&str, &str)]| {
            let specs = specs
                .iter()
                .map(|(key, json)| (String::from(*key), Json::parse(json).unwrap()));
            missing_specs_part(&V0MachineSpecsUpdate {
                miner_hotkey: String::new(),
                validator_hotkey: String::new(),
                specs: specs.collect(),
                batch_id: String::new(),
            })
        };
        let (cpu, ram, disk) = (
            ("cpu", r#"{"count":8}"#),
            ("ram", "{}"),
            ("hard_disk", "{}"),
        );
        assert_eq!(missing(&[cpu, ram, disk]), None);
        assert_eq!(missing(&[]), Some("`cpu` with an integer `count`"));
        assert_eq!(
            missing(&[("cpu", "1"), ram, disk]),
            Some("`cpu` with an integer `count`")
        );
        assert_eq!(
            missing(&[("cpu", r#"{"count":8.5}"#), ram, disk]),
            Some("`cpu` with an integer `count`")
        );
        assert_eq!(
            missing(&[cpu, ("ram", "[]"), disk]),
            Some("the object `ram`")
        );
        assert_eq!(missing(&[cpu, ram]), Some("the object `hard_disk`"));
    }

    #[test]
    fn the_usual_spelling_is_read_digit_by_digit_and_nothing_else_is() {
        let zeros = "00000000-0000-0000-0000-000000000000";
        for place in 0..36 {
            for byte in 0..=0x7F_u8 {
                let mut bytes = *zeros.as_bytes().first_chunk::<36>().unwrap();
                bytes[place] = byte;
                let text = core::str::from_utf8(&bytes).unwrap();
                let usual = parse_uuid(text).filter(|uuid| uuid.hyphenated().to_string() == text);
                assert_eq!(parse_usual_uuid(text), usual, "{text:?}");
            }
        }
        for n in 0..32 {
            let uuid =
                Uuid::from_u128(0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210_u128.rotate_left(4 * n));
            let usual = uuid.hyphenated().to_string();
            assert_eq!(parse_usual_uuid(&usual), Some(uuid));
        }
        for text in [
            "",
            "0",
            &zeros[1..],
            "\u{e9}0000000-0000-0000-0000-00000000000",
        ] {
            assert_eq!(parse_usual_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn a_uuid_has_many_spellings() {
        let uuid = Uuid::from_u128(0x6e96_1534_25df_494f_8fb9_a530_d7a1_87d7);
        for text in [
            "6e961534-25df-494f-8fb9-a530d7a187d7",
            "6E96153425DF494F8FB9A530D7A187D7",
            "{6e961534-25df-494f-8fb9-a530d7a187d7}",
            "urn:uuid:6e961534-25df-494f-8fb9-a530d7a187d7",
            "6E961534-25df-494f-8fb9-a530d7a187d7",
            "6e961534-25df-494f-8fb9-a530d7a187D7",
            "6e9615342-5df-494f-8fb9-a530d7a187d7",
            "{6e961534-25df494f-8fb9a530d7a187d7}",
            "urn:6e96153425df494f8fb9a530d7a187d7",
        ] {
            assert_eq!(parse_uuid(text), Some(uuid), "{text}");
            let usual = uuid.hyphenated().to_string();
            assert_eq!(
                parse_usual_uuid(text),
                (text == usual).then_some(uuid),
                "{text}"
            );
        }
        for text in [
            "",
            "nope",
            "6e961534-25df-494f-8fb9-a530d7a187d",
            "+e96153425df494f8fb9a530d7a187d7",
        ] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}
