//! Durations and sizes with units: `15s`, `30m`, `60d`, `256KiB`.

use std::{num::NonZeroU32, str::FromStr};

/// A duration of whole seconds, at least one: a number and `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(NonZeroU32);

impl Seconds {
    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// As a duration.
    #[must_use]
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.get()))
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a duration is a number and a unit: 15s, 30m, 24h or 60d";
        let seconds = parse(
            text,
            &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)],
            FORM,
        )?;
        let seconds = u32::try_from(seconds.ok_or("too long")?).map_err(|_| "too long")?;
        NonZeroU32::new(seconds).map(Self).ok_or("at least 1s")
    }
}

/// A size in bytes: a number and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

impl Bytes {
    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a size is a number and a unit: 4096B, 256KiB, 16MiB or 20GiB";
        // "B" last, because every other unit ends with it.
        const UNITS: &[(&str, u64)] = &[
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
            ("B", 1),
        ];
        parse(text, UNITS, FORM)?.map(Self).ok_or("too large")
    }
}

/// `Ok(None)` for a number that is too large.
fn parse(
    text: &str,
    units: &[(&str, u64)],
    form: &'static str,
) -> Result<Option<u64>, &'static str> {
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .ok_or(form)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form);
    }
    Ok(digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_durations_and_sizes_are_refused() {
        for bad in [
            "",
            "s",
            "3",
            "-3s",
            "+3s",
            "3 s",
            "3S",
            "1.5h",
            "0s",
            "0d",
            "99999999999s",
            "49711d",
            "3ms",
        ] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
        for bad in [
            "",
            "B",
            "256",
            "256KB",
            "256kib",
            "-1B",
            "1.5GiB",
            "99999999999999999999B",
            "16777216TiB",
        ] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_units() {
        for (text, seconds) in [
            ("15s", 15),
            ("30m", 1800),
            ("24h", 86_400),
            ("60d", 5_184_000),
        ] {
            assert_eq!(text.parse::<Seconds>().unwrap().get(), seconds);
        }
        for (text, bytes) in [
            ("4096B", 4096),
            ("256KiB", 262_144),
            ("16MiB", 16 << 20),
            ("20GiB", 20 << 30),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(text.parse::<Bytes>().unwrap().get(), bytes);
        }
    }
}
