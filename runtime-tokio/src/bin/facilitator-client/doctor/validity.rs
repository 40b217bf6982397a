//! Until when a certificate is valid: the one fact of it that rustls does not tell. Whether it is to be trusted is not
//! judged here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tags of DER (X.690, section 8.1.2).
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version of a certificate: `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity (RFC 5280, section 4.1); `None` for what is none.
pub(super) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut fields, _) = value(certificate, SEQUENCE)?;
    if let Some((_, rest)) = value(fields, VERSION) {
        fields = rest;
    }
    // The serial number, the algorithm, and who has issued it.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = value(fields, tag)?;
    }
    let (validity, _) = value(fields, SEQUENCE)?;
    let (_, rest) = time(validity)?;
    let (not_after, _) = time(rest)?;
    Some(not_after)
}

/// The value behind a tag, and what follows.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // So many bytes of length; a certificate is not longer than two can say.
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (year, digits, rest) = if let Some((text, rest)) = value(der, UTC_TIME) {
        let (year, digits) = text.split_at_checked(2)?;
        let year = number(year)?;
        let century = if year < 50 { 2000 } else { 1900 };
        (century + year, digits, rest)
    } else {
        let (text, rest) = value(der, GENERALIZED_TIME)?;
        let (year, digits) = text.split_at_checked(4)?;
        (number(year)?, digits, rest)
    };
    let digits = digits.strip_suffix(b"Z").filter(|it| it.len() == 10)?;
    let mut parts = digits.chunks(2).map(number);
    let mut next = || parts.next().flatten();
    let (month, day) = (next()?, next()?);
    let (hour, minute, second) = (next()?, next()?, next()?);
    if !(1..=12).contains(&month) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // Of 1970, counted so.
    let days = days.checked_sub(719_469)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some((UNIX_EPOCH + Duration::from_secs(seconds), rest))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<u64> {
        let length = u8::try_from(text.len()).unwrap();
        let der = [&[tag, length], text.as_bytes()].concat();
        let (time, _) = time(&der)?;
        Some(time.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    /// Checked with `date -u -d @SECONDS`.
    #[test]
    fn both_spellings_of_a_time_are_read() {
        for (tag, text, read) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000228235959Z", Some(951_782_399)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (UTC_TIME, "000301000000Z", Some(951_868_800)),
            (UTC_TIME, "241231235959Z", Some(1_735_689_599)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (UTC_TIME, "501231235959Z", None),
            (UTC_TIME, "2412312359Z", None),
            (UTC_TIME, "24123123595xZ", None),
            (UTC_TIME, "241331235959Z", None),
            (0x0c, "241231235959Z", None),
        ] {
            assert_eq!(seconds(tag, text), read, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_found_and_damage_is_no_panic() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der().to_vec();
        let end = UNIX_EPOCH + Duration::from_hours(22_313 * 24);
        assert_eq!(not_after(&der), Some(end));
        for cut in 0..der.len() {
            let _ = not_after(&der[..cut]);
            let mut damaged = der.clone();
            damaged[cut] ^= 0xff;
            let _ = not_after(&damaged);
        }
        assert_eq!(not_after(&[]), None);
    }
}
