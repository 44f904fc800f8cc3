//! Batches: protocol §12.

use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{
        Batch, BatchHeader, BatchTags, BucketId, Cell, CellSize, OriginKey, Select, SelectError,
        Selection, batch::BatchPlace, batch_tags,
    },
};

use super::case::{Broken, Case, Verdict};

pub const BATCH: &[&str] = &["signing_seed", "bucket", "cell_size", "cells", "batches"];

/// One chain: `cells` are those of all its batches, in order.
pub fn batch(case: &Case<'_>) -> Result<Verdict, Broken> {
    let key = OriginKey::from_seed(&case.secret("signing_seed")?);
    let bucket = BucketId::try_from(case.uint::<u32>("bucket")?).map_err(broken)?;
    let size = CellSize::try_from(case.uint::<u32>("cell_size")?).map_err(broken)?;
    let cells: Result<Vec<Cell>, _> = case
        .bytes_list("cells")?
        .into_iter()
        .map(|bytes| Cell::parse(bytes, size))
        .collect();
    let mut cells = cells.map_err(broken)?.into_iter();
    let mut prev = BatchHeader::NO_PREV;
    for stated in case.objects("batches")? {
        let header = BatchHeader::decode(&stated.array("header")?).map_err(broken)?;
        let own: Vec<Cell> = cells.by_ref().take(header.count as usize).collect();
        let place = BatchPlace {
            bucket,
            epoch: stated.uint("epoch")?,
            closed_at: UnixTime(stated.uint("closed_at")?),
            prev,
        };
        let (made, bytes) = Batch::build(&place, &own, size, &key).map_err(broken)?;
        prev = made.hash();
        case.require("header", made == header)?;
        if !stated.value("batch")?.is_null() {
            case.require("batch", bytes == stated.bytes("batch")?)?;
        }
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        case.require("batch_sha256", digest == stated.array("batch_sha256")?)?;
        let tags = stated.bytes("tags")?;
        case.require("tags", batch_tags(&bytes).map_err(broken)? == tags)?;
        let (read, read_tags) = (Batch::parse(&bytes), BatchTags::parse(&tags));
        let (read, read_tags) = (read.map_err(broken)?, read_tags.map_err(broken)?);
        case.require("tags", read.header() == read_tags.header())?;
        let of_cells = own.iter().map(Cell::tag);
        case.require("tags", of_cells.eq(read_tags.tags().copied()))?;
        stated.all_used()?;
    }
    case.require("number of cells", cells.next().is_none())?;
    Ok(Verdict::Accepted(Vec::new()))
}

pub const SELECT: &[&str] = &["cell_size", "batches", "body", "answer", "code"];

/// One request over all batches of a chain.
pub fn select(case: &Case<'_>) -> Result<Verdict, Broken> {
    let size = CellSize::try_from(case.uint::<u32>("cell_size")?).map_err(broken)?;
    let (batches, body) = (case.bytes_list("batches")?, case.bytes("body")?);
    match answer(&batches, &body, size)? {
        Ok(answer) => {
            let same = answer == case.bytes("answer")?;
            Ok(Verdict::compared(&[("answer", same)]))
        }
        Err(error) => {
            case.require("code", error.code().as_str() == case.text("code")?)?;
            Ok(Verdict::Refused(match error {
                SelectError::Window => "window",
                _ => "form",
            }))
        }
    }
}

fn answer(
    batches: &[Vec<u8>],
    body: &[u8],
    size: CellSize,
) -> Result<Result<Vec<u8>, SelectError>, Broken> {
    let select = match Select::decode(body, size) {
        Ok(select) => select,
        Err(error) => return Ok(Err(error)),
    };
    let mut selection = Selection::new(&select, size);
    for batch in batches {
        let header = Batch::parse(batch).map_err(broken)?.header().clone();
        let (window, epoch) = (select.window(), header.epoch);
        if window.origin == header.origin && (window.first..=window.last).contains(&epoch) {
            selection.add(&select, batch).map_err(broken)?;
        }
    }
    Ok(selection.finish(&select))
}

fn broken(error: impl core::fmt::Display) -> Broken {
    Broken(error.to_string())
}
