//! A batch of which the tags were read: which of its cells are to be retrieved.

use crate::{
    base::SortedSet,
    vault::{VaultError, stored::LightUnitRecord},
    wire::{BATCH_HEADER_LEN, BatchHeader, BatchTags},
};

/// A batch whose tags are known and whose cells are not.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) header: BatchHeader,
    tags: Vec<[u8; 16]>,
    /// Places of cells that were opened or refused.
    done: SortedSet<u32>,
    /// Places of cells that are to be retrieved.
    missing: Vec<u32>,
    /// Places of cells that were retrieved and did not open.
    failed: SortedSet<u32>,
}

impl Unit {
    pub(crate) fn new(tags: &BatchTags<'_>) -> Self {
        Self {
            header: tags.header().clone(),
            tags: tags.tags().copied().collect(),
            done: SortedSet::default(),
            missing: Vec::new(),
            failed: SortedSet::default(),
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.header.epoch
    }

    pub(crate) fn tag(&self, place: u32) -> Option<&[u8; 16]> {
        self.tags.get(place as usize)
    }

    /// Finds the cells under watched tags.
    pub(crate) fn search(&mut self, is_watched: impl Fn(&[u8; 16]) -> bool) {
        let places = (0_u32..).zip(&self.tags);
        let missing = places.filter(|(place, tag)| is_watched(tag) && !self.done.contains(place));
        self.missing = missing.map(|(place, _)| place).collect();
    }

    /// Places of cells that are to be retrieved: those that failed before, or
    /// those that did not.
    pub(crate) fn missing(&self, failed: bool) -> impl Iterator<Item = u32> {
        let missing = self.missing.iter().copied();
        missing.filter(move |place| self.failed.contains(place) == failed)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.missing.is_empty()
    }

    /// A cell was opened, or refused.
    pub(crate) fn done(&mut self, place: u32) {
        self.done.insert(place);
    }

    /// A retrieved cell did not open; whether for the first time.
    pub(crate) fn failed(&mut self, place: u32) -> bool {
        self.failed.insert(place)
    }

    /// The whole batch was read.
    pub(crate) fn read_whole(&mut self) {
        let places = (0_u32..).zip(&self.tags).map(|(place, _)| place);
        self.done = places.collect();
        self.missing.clear();
    }

    pub(crate) fn to_record(&self) -> LightUnitRecord {
        LightUnitRecord {
            header: self.header.encode().to_vec(),
            tags: self.tags.concat(),
            done: self
                .done
                .iter()
                .flat_map(|place| place.to_be_bytes())
                .collect(),
        }
    }

    pub(crate) fn from_record(record: &LightUnitRecord) -> Result<Self, VaultError> {
        let header: Option<&[u8; BATCH_HEADER_LEN]> = record.header.as_slice().try_into().ok();
        let header = header.and_then(|header| BatchHeader::decode(header).ok());
        let (tags, rest) = record.tags.as_chunks();
        let (done, odd) = record.done.as_chunks();
        if !rest.is_empty() || !odd.is_empty() {
            return Err(VaultError::Damaged);
        }
        Ok(Self {
            header: header.ok_or(VaultError::Damaged)?,
            tags: tags.to_vec(),
            done: done
                .iter()
                .map(|place| u32::from_be_bytes(*place))
                .collect(),
            missing: Vec::new(),
            failed: SortedSet::default(),
        })
    }
}
