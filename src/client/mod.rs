//! The engine of one person's client. Sans-I/O: it takes time, randomness
//! and the relay's answers, and gives requests, changes to store and events.
//!
//! ```text
//! send:  rotate → schedule → delivery with proof → fragments → seal → outbox → one commit → post
//! pull:  rotate → request → cells → opened → authentic → fresh → one commit → show
//! ```
//! Every call that changes state returns [`Effects`]. The caller commits
//! `changes` as one transaction, and only then posts a cell or shows an
//! event: a crash at any point loses nothing and repeats no counter.

mod client;
mod contacts;
mod devices;
mod emergencies;
mod error;
mod flows;
mod id;
mod inbox;
mod invitations;
mod journal;
mod keys;
mod mailboxes;
mod messages;
mod outbox;
mod settings;
mod view;

pub use client::{Change, Client, Effects};
pub use contacts::{ContactState, Verified};
pub use devices::{DeviceNotice, DeviceView};
pub use emergencies::{EmergencyView, MAX_EMERGENCY_MINUTES};
pub use error::ClientError;
pub use flows::send::Outgoing;
pub use id::{ContactId, EmergencyId, InvitationId, MessageRef};
pub use journal::{Check, CheckpointView, Did, Entry, Key, log_key};
pub use keys::StoreKey;
pub use mailboxes::{Mailbox, Planned};
pub use outbox::{MAX_POST, Pieces, Post, Wanted};
pub use settings::Settings;
pub use view::{
    ContactView, Event, Gap, InvitationView, MessageState, MessageView, Received, Rejected,
    TransferView, body_key, body_keys, message_id, parse_message_id, piece_key,
};
