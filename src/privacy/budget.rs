//! Privacy budgets: ε and δ as exact decimals.

use core::{fmt, str::FromStr};

/// A budget that cannot be met, or text that is not a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// ε is not a decimal from 0.001 to 10 with at most six places.
    #[error("epsilon is a decimal from 0.001 to 10 with at most six places")]
    Epsilon,
    /// δ is not a decimal from 1e-12 to 0.01 with at most 15 places.
    #[error("delta is a decimal from 1e-12 to 0.01 with at most 15 places")]
    Delta,
    /// The sensitivity is zero.
    #[error("the sensitivity is at least one cell")]
    Sensitivity,
    /// The budget needs more cover than a batch may hold.
    #[error(
        "this needs more than 4096 cells of mean cover in every batch: choose a larger epsilon or delta, or a smaller sensitivity"
    )]
    Cover,
}

/// ε: 0.001 to 10, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epsilon(u32);

impl Epsilon {
    /// ε = 1 in millionths.
    pub(super) const ONE: u32 = 1_000_000;

    /// In millionths.
    #[must_use]
    pub const fn micros(self) -> u32 {
        self.0
    }

    /// For reports: no table is made from it.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE)
    }
}

impl FromStr for Epsilon {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        decimal(text, 6)
            .and_then(|micros| u32::try_from(micros).ok())
            .filter(|micros| (1_000..=10 * Self::ONE).contains(micros))
            .map(Self)
            .ok_or(BudgetError::Epsilon)
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// δ: 10⁻¹² to 0.01, in units of 10⁻¹⁵.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delta(u64);

impl Delta {
    /// δ = 1 in units of 10⁻¹⁵.
    pub(super) const ONE: u64 = 1_000_000_000_000_000;

    /// In units of 10⁻¹⁵.
    #[must_use]
    pub const fn femtos(self) -> u64 {
        self.0
    }

    /// For reports: no table is made from it.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 10^13, which a double holds exactly"
    )]
    pub fn get(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }
}

impl FromStr for Delta {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        decimal(text, 15)
            .filter(|femtos| (1_000..=Self::ONE / 100).contains(femtos))
            .map(Self)
            .ok_or(BudgetError::Delta)
    }
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerExp::fmt(&self.get(), f)
    }
}

/// (ε, δ) for inputs that differ by `sensitivity` cells in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// ε.
    pub epsilon: Epsilon,
    /// δ.
    pub delta: Delta,
    /// Cells by which neighbouring inputs differ, all in one batch.
    pub sensitivity: u32,
}

/// Parses `0.1`, `12`, `1e-6` or `2.5e-7` as an exact multiple of 10^−places;
/// `None` for other notations and for finer values.
fn decimal(text: &str, places: i32) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || mantissa.len() > 24 {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let value: u64 = [whole, fraction].concat().parse().ok()?;
    let shift = exponent
        .checked_add(places)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let factor = 10_u64.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        value.checked_mul(factor)
    } else {
        value.is_multiple_of(factor).then_some(value / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_budgets_are_refused() {
        for bad in [
            "",
            "0",
            "-0.1",
            "+0.1",
            ".1",
            "1.",
            "0,1",
            "0.0009",
            "10.000001",
            "11",
            "1e",
            "e1",
            "1e99",
            "1e-99",
            "0.0000001",
            "0.1 ",
            "inf",
            "NaN",
            "0x1",
            "1e2147483647",
            "0.1000000000000000000000000",
        ] {
            assert_eq!(bad.parse::<Epsilon>(), Err(BudgetError::Epsilon), "{bad}");
        }
        for bad in ["0", "1e-13", "0.011", "1e-6.5", "1", "-1e-6", "1.23456e-12"] {
            assert_eq!(bad.parse::<Delta>(), Err(BudgetError::Delta), "{bad}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (text, micros) in [
            ("0.1", 100_000),
            ("1", 1_000_000),
            ("10", 10_000_000),
            ("0.001", 1_000),
            ("1e-1", 100_000),
            ("0.250000", 250_000),
            ("100e-2", 1_000_000),
        ] {
            assert_eq!(text.parse::<Epsilon>().unwrap().micros(), micros, "{text}");
        }
        for (text, femtos) in [
            ("1e-6", 1_000_000_000),
            ("0.000001", 1_000_000_000),
            ("1E-12", 1_000),
            ("2.5e-7", 250_000_000),
            ("0.01", 10_000_000_000_000),
        ] {
            assert_eq!(text.parse::<Delta>().unwrap().femtos(), femtos, "{text}");
        }
        let shown = (
            "0.1".parse::<Epsilon>().unwrap(),
            "1e-6".parse::<Delta>().unwrap(),
        );
        assert_eq!(format!("{} {}", shown.0, shown.1), "0.1 1e-6");
    }
}
