//! Randomness that a secret seed repeats: where the same step must give the
//! same bytes after a restart or a restore.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use super::kdf::Prf;
use crate::base::Secret;

/// HMAC-SHA-256 of a counter, under the seed.
pub struct SeededRng {
    prf: Prf,
    counter: u64,
}

impl SeededRng {
    /// The randomness of this seed, from its beginning.
    #[must_use]
    pub fn new(seed: &Secret<32>) -> Self {
        Self {
            prf: Prf::new(seed.expose()),
            counter: 0,
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.counter += 1;
            let block = Zeroizing::new(self.prf.eval(&self.counter.to_be_bytes()));
            for (to, from) in chunk.iter_mut().zip(block.iter()) {
                *to = *from;
            }
        }
    }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for SeededRng {}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;

    use super::*;

    #[test]
    fn a_seed_repeats_its_bytes_and_no_block_twice() {
        let drawn = |seed: u8| {
            let mut rng = SeededRng::new(&Secret::take(&mut [seed; 32]));
            let mut bytes = [0; 100];
            rng.fill_bytes(&mut bytes);
            (bytes, rng.next_u64(), rng.next_u32())
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let (bytes, ..) = drawn(1);
        assert!(bytes[..32] != bytes[32..64] && bytes[32..64] != bytes[64..96]);
    }
}
