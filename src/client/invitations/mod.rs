//! Open invitations, made here or accepted here.

mod invitation;

pub(crate) use invitation::{OpenInvitation, Stage};
