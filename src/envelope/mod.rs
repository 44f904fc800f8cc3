//! The envelope of content: a delivery with its proof, in one cell or fragmented
//! over several. Protocol §5 and §6.
//!
//! ```text
//! send:  compose → Layout → Body → seal → Cell
//! pull:  Cell → Window → open → Body → Assembly → Delivery → verify → Authentic
//! ```
//! Each step consumes the result of the previous one.

mod body;
mod content_type;
mod control;
mod delivery;
mod delivery_id;
mod evidence;
mod fragment;
pub mod message;
mod own;
mod seal;
mod window;

pub use body::{Body, Fragment, MessageId};
pub use content_type::ContentType;
pub use control::Control;
pub use delivery::{Authentic, Delivery, Sender, UnprovenDelivery, compose};
pub use delivery_id::DeliveryId;
pub use evidence::{CheckedBy, Evidence};
pub use fragment::{Assembly, FragmentCount, Layout, Progress, chunk_len, split};
pub use own::{Announcement, AnnouncementKind, DEVICE_ID_LEN, OwnKeys};
pub use seal::{Sealing, open, seal};
pub use window::{TagIndex, Window, widened};

pub use crate::base::parameters::{NEXT_DEVICE_WINDOW, WINDOW};

use crate::base::error::coded;

coded! {
    /// Why a cell, a body or a delivery is refused.
    pub enum EnvelopeError {
        /// The cell does not open, its plaintext is malformed, or its proof is invalid:
        /// one variant, so that it is no oracle.
        #[error("not authentic")]
        NotAuthentic => NotAuthentic,
        /// Fragments of one message contradict each other; the message was dropped.
        #[error("fragments contradict each other")]
        FragmentConflict => FragmentConflict,
        /// `sent_at` is older than the retention, or more than 24 h ahead.
        #[error("sent too long ago, or in the future")]
        Stale => Stale,
        /// The content is larger than the limit.
        #[error("too large")]
        TooLarge => MessageTooLarge,
    }
}
