//! Bitmaps for two relays, and what their answers give. Protocol §13.
//!
//! Each relay gets bitmaps of which every bit is a fair coin, whatever is
//! retrieved: `r` and `r ⊕ e(i)`, for a random `r` that is used once.

use rand_core::CryptoRng;

use crate::wire::select::xor;

/// So many bitmaps over so many cells, concatenated, for the relay and for the
/// mirror. They retrieve these places; each further one retrieves a random place,
/// which nobody looks at.
pub(crate) fn draw_queries(
    places: &[u32],
    queries: usize,
    cells: u32,
    rng: &mut impl CryptoRng,
) -> [Vec<u8>; 2] {
    let len = (cells as usize).div_ceil(8);
    let mut relay = vec![0; queries * len];
    rng.fill_bytes(&mut relay);
    let used = match cells % 8 {
        0 => u8::MAX,
        bits => !(u8::MAX << bits),
    };
    for bitmap in relay.chunks_mut(len.max(1)) {
        if let Some(last) = bitmap.last_mut() {
            *last &= used;
        }
    }
    let mut mirror = relay.clone();
    for (query, bitmap) in mirror.chunks_mut(len.max(1)).enumerate() {
        // Drawn for each, so that the work does not depend on what is wanted.
        let random = rng.next_u64().checked_rem(cells.into()).unwrap_or(0);
        let wanted = places.get(query).map(|place| u64::from(*place));
        let place = usize::try_from(wanted.unwrap_or(random)).unwrap_or(0);
        if let Some(byte) = bitmap.get_mut(place / 8) {
            *byte ^= 1 << (place % 8);
        }
    }
    [relay, mirror]
}

/// The cell with this tag, from the answers of both relays to one query.
pub(crate) fn combine(tag: &[u8; 16], relay: &[u8], mirror: &[u8]) -> Vec<u8> {
    let mut cell = [tag, relay].concat();
    if let Some(rest) = cell.get_mut(tag.len()..) {
        xor(rest, mirror);
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn bit(bitmap: &[u8], place: u32) -> bool {
        bitmap[place as usize / 8] >> (place % 8) & 1 == 1
    }

    fn sum(bitmap: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
        let mut sum = vec![0; records[0].len()];
        for (place, record) in (0..).zip(records) {
            if bit(bitmap, place) {
                xor(&mut sum, record);
            }
        }
        sum
    }

    /// Every subset of every small database, and every index of it: the two
    /// sums give the record. And every pair of subsets that a look may draw
    /// retrieves what it should.
    #[test]
    fn for_every_subset_and_index_the_two_sums_give_the_record() {
        for cells in 1..=9_u32 {
            let records: Vec<Vec<u8>> = (0..cells)
                .map(|place| vec![place as u8 + 1, 0x5a ^ (place as u8)])
                .collect();
            for subset in 0..1_u16 << cells {
                for place in 0..cells {
                    let first = subset.to_le_bytes();
                    let second = (subset ^ 1 << place).to_le_bytes();
                    let (a, b) = (sum(&first, &records), sum(&second, &records));
                    let cell = combine(&[7; 16], &a, &b);
                    assert_eq!(cell[..16], [7; 16]);
                    assert_eq!(cell[16..], records[place as usize]);
                }
            }
        }
    }

    #[test]
    fn each_query_differs_in_the_wanted_place_and_no_other() {
        for cells in [1_u32, 7, 8, 9, 64, 161] {
            let places: Vec<u32> = [0, cells / 2, cells - 1].to_vec();
            let [relay, mirror] = draw_queries(&places, 8, cells, &mut rng());
            let len = (cells as usize).div_ceil(8);
            let pairs = relay.chunks(len).zip(mirror.chunks(len));
            for (query, (a, b)) in pairs.enumerate() {
                let differing: Vec<u32> = (0..len as u32 * 8)
                    .filter(|p| bit(a, *p) != bit(b, *p))
                    .collect();
                assert_eq!(differing.len(), 1);
                assert!(differing[0] < cells);
                if let Some(place) = places.get(query) {
                    assert_eq!(differing, [*place]);
                }
                for unused in cells..len as u32 * 8 {
                    assert!(!bit(a, unused) && !bit(b, unused));
                }
            }
        }
    }

    #[test]
    fn nothing_is_asked_of_an_empty_window() {
        assert!(draw_queries(&[], 8, 0, &mut rng()).concat().is_empty());
    }
}
