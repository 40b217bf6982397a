//! How numbers with a fraction are spelled: the reference's Rust serializer and Python differ.

use alloc::string::String;
use core::fmt::Write as _;

/// The sign, the shortest digits that mean `value` without zeros around them, and the place of the point among them.
///
/// `-0.00123` has the digits `123` and the point at -2; zero has no digits. `value` must be finite.
fn shortest(value: f64) -> (bool, String, i32) {
    // Where two shortest texts are equally near, Python and the reference take the even one, and so does serde_json.
    // `{:e}` takes the other one.
    let text = serde_json::to_string(&value.abs()).unwrap_or_default();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let count = |digits: &str| i32::try_from(digits.len()).unwrap_or_default();
    let point = exponent.parse::<i32>().unwrap_or_default() + count(whole)
        - (count(&digits) - count(significant));
    (
        value.is_sign_negative(),
        significant.trim_end_matches('0').into(),
        point,
    )
}

/// Digits with the point at its place, at least one digit on either side of it.
fn positional(out: &mut String, digits: &str, point: i32) {
    let Ok(whole) = usize::try_from(point) else {
        out.push_str("0.");
        out.extend(core::iter::repeat_n('0', point.unsigned_abs() as usize));
        return out.push_str(digits);
    };
    if whole == 0 {
        out.push_str("0.");
        out.push_str(digits);
    } else if let Some((before, after)) = digits
        .split_at_checked(whole)
        .filter(|(_, after)| !after.is_empty())
    {
        let _ = write!(out, "{before}.{after}");
    } else {
        out.push_str(digits);
        out.extend(core::iter::repeat_n('0', whole - digits.len()));
        out.push_str(".0");
    }
}

/// One digit, the point, the others.
fn scientific(out: &mut String, digits: &str) {
    match digits.split_at_checked(1) {
        Some((first, rest)) if !rest.is_empty() => {
            let _ = write!(out, "{first}.{rest}");
        }
        _ => out.push_str(digits),
    }
}

/// The reference's own serializer: `1.0`, `0.00001`, `1e-6`, `1e16`. `value` must be finite.
pub(super) fn compact(value: f64) -> String {
    let (negative, digits, point) = shortest(value);
    let mut out = String::from(if negative { "-" } else { "" });
    if digits.is_empty() {
        out.push_str("0.0");
    } else if (-4..=16).contains(&point) {
        positional(&mut out, &digits, point);
    } else {
        scientific(&mut out, &digits);
        let _ = write!(out, "e{}", point - 1);
    }
    out
}

/// Python's `repr`: `1.0`, `1e-05`, `1e+16`. `value` must be finite.
pub(super) fn python(value: f64) -> String {
    let (negative, digits, point) = shortest(value);
    let mut out = String::from(if negative { "-" } else { "" });
    if digits.is_empty() {
        out.push_str("0.0");
    } else if (-3..=16).contains(&point) {
        positional(&mut out, &digits, point);
    } else {
        scientific(&mut out, &digits);
        let exponent = point - 1;
        let _ = write!(
            out,
            "e{}{:02}",
            if exponent < 0 { '-' } else { '+' },
            exponent.unsigned_abs()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings() {
        for (value, reference, repr) in [
            (0.0, "0.0", "0.0"),
            (-0.0, "-0.0", "-0.0"),
            (1.0, "1.0", "1.0"),
            (1.5, "1.5", "1.5"),
            (100.0, "100.0", "100.0"),
            (1234.5678, "1234.5678", "1234.5678"),
            (0.1, "0.1", "0.1"),
            (0.001, "0.001", "0.001"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "0.00001", "1e-05"),
            (0.000_012_3, "0.0000123", "1.23e-05"),
            (0.000_001, "1e-6", "1e-06"),
            (1e-7, "1e-7", "1e-07"),
            (1e15, "1000000000000000.0", "1000000000000000.0"),
            (
                1.234_567_890_123_456_7e15,
                "1234567890123456.8",
                "1234567890123456.8",
            ),
            (1e16, "1e16", "1e+16"),
            (-1.5e16, "-1.5e16", "-1.5e+16"),
            (1e22, "1e22", "1e+22"),
            (1e100, "1e100", "1e+100"),
            (5e-324, "5e-324", "5e-324"),
            (
                f64::MAX,
                "1.7976931348623157e308",
                "1.7976931348623157e+308",
            ),
        ] {
            assert_eq!(
                (compact(value).as_str(), python(value).as_str()),
                (reference, repr),
                "{value:e}"
            );
        }
    }

    #[test]
    fn of_two_that_are_equally_near_the_even_one() {
        // As Python says; the other one would be a different text under the same signature.
        for (value, expected) in [
            (667_082_108_456_853.0 + 0.25, "667082108456853.2"),
            (667_082_108_456_853.0 + 0.75, "667082108456853.8"),
            (667_082_108_456_852.0 + 0.75, "667082108456852.8"),
            (2_f64.powi(-24), "5.960464477539063e-8"),
        ] {
            assert_eq!(compact(value), expected);
            assert_eq!(python(value).replace("e-0", "e-"), expected);
        }
    }

    #[test]
    fn every_spelling_means_the_same_number() {
        let mut bits = 0x9E37_79B9_7F4A_7C15_u64;
        for n in 0..20_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Every other one between 1e-8 and 1e19, where the spelling changes.
            let near = ((bits >> 2) & 0x03FF_FFFF_FFFF_FFFF) | 0x3C00_0000_0000_0000;
            let value = f64::from_bits(if n % 2 == 0 { bits } else { near });
            if value.is_finite() {
                assert_eq!(
                    (compact(value).parse(), python(value).parse()),
                    (Ok(value), Ok(value))
                );
                // The reference's serializer is a serde_json that wrote no plus sign.
                assert_eq!(
                    Some(compact(value)),
                    serde_json::to_string(&value)
                        .ok()
                        .map(|t| t.replace('+', ""))
                );
            }
        }
    }
}
