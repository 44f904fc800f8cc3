//! Messages, drafts and file names.

mod draft;
mod filename;

pub(crate) use filename::{content_type, split_filename};
