//! One-time codes from a shared secret (RFC 6238), as authenticator apps make them. Pure: the time is given.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

/// A code is not given out when less than this is left of its step: it has to arrive while it is good.
const TOO_LATE_MS: u64 = 2_000;
/// Bytes that a secret has at least: what the shortest ones in use have.
const SHORTEST: usize = 10;

/// What a secret's codes are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// A shared secret and how its codes are made. It does not print itself.
#[derive(Clone)]
pub struct Totp {
    key: Zeroizing<Vec<u8>>,
    digits: u32,
    period: u64,
    algorithm: Algorithm,
}

/// Why a text is no secret of this kind. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTotp {
    /// Other characters than base32 has, or not a whole number of bytes.
    #[error(
        "must be the base32 text that an authenticator app takes (letters A to Z, digits 2 to 7), or its otpauth:// address"
    )]
    NotBase32,
    /// Fewer than 10 bytes.
    #[error("is too short: at least 16 letters and digits")]
    TooShort,
    /// An `otpauth://` address for something else than codes by time.
    #[error("must be an otpauth://totp/ address: codes by counter are not known")]
    NotByTime,
    /// An address without a secret.
    #[error("has no secret in its otpauth:// address")]
    NoSecret,
    /// Digits, period or algorithm that no code is made with.
    #[error("must have 6 to 8 digits, a period of 10 to 300 seconds, and SHA1, SHA256 or SHA512")]
    Parameters,
}

impl Totp {
    /// Reads a secret as authenticator apps show it (base32; spaces, dashes, padding and lower case do not matter), or
    /// an `otpauth://totp/` address with `secret` and, where they differ from 6, 30 and SHA1, `digits`, `period` and
    /// `algorithm`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, InvalidTotp> {
        let text = text.trim();
        let mut totp = Self {
            key: Zeroizing::default(),
            digits: 6,
            period: 30,
            algorithm: Algorithm::Sha1,
        };
        // Lengths in bytes, so nothing is cut within a character.
        let is_address = text
            .get(..10)
            .is_some_and(|head| head.eq_ignore_ascii_case("otpauth://"));
        if !is_address {
            totp.key = base32(text)?;
            return Ok(totp);
        }
        let rest = &text[10..];
        if !rest
            .get(..5)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("totp/"))
        {
            return Err(InvalidTotp::NotByTime);
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = Zeroizing::new(percent_decoded(value));
            match name.to_ascii_lowercase().as_str() {
                "secret" => totp.key = base32(&value)?,
                "digits" => totp.digits = value.parse().map_err(|_| InvalidTotp::Parameters)?,
                "period" => totp.period = value.parse().map_err(|_| InvalidTotp::Parameters)?,
                "algorithm" => {
                    totp.algorithm = match value.to_ascii_uppercase().replace('-', "").as_str() {
                        "SHA1" => Algorithm::Sha1,
                        "SHA256" => Algorithm::Sha256,
                        "SHA512" => Algorithm::Sha512,
                        _ => return Err(InvalidTotp::Parameters),
                    }
                }
                _ => {}
            }
        }
        if totp.key.is_empty() {
            return Err(InvalidTotp::NoSecret);
        }
        if !(6..=8).contains(&totp.digits) || !(10..=300).contains(&totp.period) {
            return Err(InvalidTotp::Parameters);
        }
        Ok(totp)
    }

    /// What tells one secret from another, however it was written down. As secret as the secret.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The code of a step.
    #[must_use]
    pub fn code(&self, step: u64) -> String {
        let counter = step.to_be_bytes();
        let hash = match self.algorithm {
            Algorithm::Sha1 => hashed::<Hmac<Sha1>>(&self.key, &counter),
            Algorithm::Sha256 => hashed::<Hmac<Sha256>>(&self.key, &counter),
            Algorithm::Sha512 => hashed::<Hmac<Sha512>>(&self.key, &counter),
        };
        // Dynamic truncation: the last four bits say where to read.
        let at = usize::from(hash.last().copied().unwrap_or_default() & 0x0f);
        let number = hash
            .iter()
            .skip(at)
            .take(4)
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            & 0x7fff_ffff;
        let width = self.digits as usize;
        format!("{:0width$}", number % 10_u32.pow(self.digits))
    }

    /// The step whose code may be typed now (milliseconds since 1970), and how many milliseconds to wait before: none,
    /// unless the present step is almost over.
    #[must_use]
    pub fn step_to_use(&self, now_ms: u64) -> (u64, u64) {
        let period = self.period * 1_000;
        let left = period - now_ms % period;
        if left <= TOO_LATE_MS {
            (now_ms / period + 1, left)
        } else {
            (now_ms / period, 0)
        }
    }

    /// The step that the other side may have been in when it refused the code of the present one, both clocks being
    /// nearly right: the step that is nearer.
    #[must_use]
    pub fn neighbour(&self, step: u64, now_ms: u64) -> u64 {
        let period = self.period * 1_000;
        if now_ms < step * period + period / 2 {
            step.saturating_sub(1)
        } else {
            step + 1
        }
    }

    /// Milliseconds until the step begins; 0 once it has.
    #[must_use]
    pub fn until(&self, step: u64, now_ms: u64) -> u64 {
        (step * self.period * 1_000).saturating_sub(now_ms)
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("digits", &self.digits)
            .field("period", &self.period)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn hashed<M: Mac + KeyInit>(key: &[u8], counter: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(counter);
    mac.finalize().into_bytes().to_vec()
}

fn base32(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidTotp> {
    let mut key = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut held, mut letters) = (0_u32, 0_u32, 0_usize);
    for letter in text.chars() {
        let value = match letter.to_ascii_uppercase() {
            ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '-' | '=' => continue,
            letter @ 'A'..='Z' => u32::from(letter) - u32::from('A'),
            digit @ '2'..='7' => u32::from(digit) - u32::from('2') + 26,
            _ => return Err(InvalidTotp::NotBase32),
        };
        letters += 1;
        bits = bits << 5 | value;
        held += 5;
        if held >= 8 {
            held -= 8;
            key.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
            bits &= (1 << held) - 1;
        }
    }
    // Lengths that no number of whole bytes has: a letter is missing or too many.
    if matches!(letters % 8, 1 | 3 | 6) {
        return Err(InvalidTotp::NotBase32);
    }
    if key.len() < SHORTEST {
        return Err(InvalidTotp::TooShort);
    }
    Ok(key)
}

fn percent_decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            // Everything that a secret or a number is made of is ASCII.
            Some(byte) if byte.is_ascii() => {
                out.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Appendix B of RFC 6238: the secret is "12345678901234567890" repeated to the hash's length; 8 digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let secrets = [
            ("SHA1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            (
                "SHA256",
                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
            ),
            (
                "SHA512",
                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA",
            ),
        ];
        let table = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (place, (algorithm, secret)) in secrets.iter().enumerate() {
            let address = format!(
                "otpauth://totp/A:b?secret={secret}&digits=8&algorithm={algorithm}&issuer=A"
            );
            let totp = Totp::read(&address).unwrap();
            for (seconds, codes) in table {
                assert_eq!(
                    totp.code(seconds / 30),
                    codes[place],
                    "{algorithm} at {seconds}"
                );
            }
        }
    }

    #[test]
    fn a_secret_is_read_as_people_write_it() {
        let plain = Totp::read("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
            .unwrap()
            .code(1);
        assert_eq!(plain, "287082");
        for text in [
            " gezd gnbv gy3t qojq gezd gnbv gy3t qojq ",
            "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ",
            "otpauth://totp/Ada?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
            "OTPAUTH://TOTP/A%20b:c?issuer=A%20b&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ%3D%3D&period=30&algorithm=sha-1&digits=6",
        ] {
            assert_eq!(Totp::read(text).unwrap().code(1), plain, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for (text, why) in [
            ("", InvalidTotp::TooShort),
            ("GEZDGNBV", InvalidTotp::TooShort),
            ("GEZDGNBVGY3TQOJ0", InvalidTotp::NotBase32),
            ("GEZDGNBVGY3TQOJQG", InvalidTotp::NotBase32),
            ("not a secret at all!", InvalidTotp::NotBase32),
            (
                "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1",
                InvalidTotp::NotByTime,
            ),
            ("otpauth://totp/x?issuer=y", InvalidTotp::NoSecret),
            (
                "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=12",
                InvalidTotp::Parameters,
            ),
            (
                "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
                InvalidTotp::Parameters,
            ),
            (
                "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
                InvalidTotp::Parameters,
            ),
        ] {
            assert_eq!(Totp::read(text).err(), Some(why), "{text}");
            assert!(!why.to_string().contains("GEZDG"));
        }
        let printed = format!("{:?}", Totp::read("GEZDGNBVGY3TQOJQ").unwrap());
        assert!(
            !printed.contains("GEZ") && !printed.contains("49, 50"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn a_code_is_typed_with_time_left_in_its_step(now in 0_u64..4_000_000_000_000) {
            let totp = Totp::read("GEZDGNBVGY3TQOJQ").unwrap();
            let (step, wait) = totp.step_to_use(now);
            let typed = now + wait;
            prop_assert_eq!(typed / 30_000, step);
            prop_assert!((step + 1) * 30_000 - typed > 2_000 && wait <= 2_000);
        }

        #[test]
        fn nothing_that_is_read_panics(text: String) {
            if let Ok(totp) = Totp::read(&text) {
                prop_assert!((6..=8).contains(&totp.code(7).len()));
            }
            let _ = Totp::read(&format!("otpauth://totp/{text}"));
        }

        #[test]
        fn the_neighbour_is_one_step_away(now in 60_000_u64..4_000_000_000_000) {
            let totp = Totp::read("GEZDGNBVGY3TQOJQ").unwrap();
            let (step, _) = totp.step_to_use(now);
            prop_assert_eq!(totp.neighbour(step, now).abs_diff(step), 1);
        }
    }
}
