//! The engine of one person's client. Sans-I/O: it takes time, randomness and the
//! relay's responses, and returns requests, changes of the store and events.
//!
//! ```text
//! machines   account settings mailboxes contacts invitations messages inbox
//!            outbox devices emergencies journal light forks members
//! flows      load send seal pull scan accept rendezvous enrol maintain restore …
//! round      what the client does by itself, and when
//! ```
//! A machine owns one piece of state and never names [`Client`]; a flow ties
//! machines together and owns no state; [`Client`] is their sum. Every call
//! that changes state returns [`Effects`]. Commit its changes as one
//! transaction, and only then post a cell or show an event: then a crash at
//! any point loses nothing and repeats no counter.

mod account;
mod audit_event;
#[expect(
    clippy::module_inception,
    reason = "the file that holds the struct is named after it"
)]
mod client;
mod contacts;
mod devices;
mod emergencies;
mod error;
mod flows;
mod forks;
mod id;
mod inbox;
mod invitations;
mod journal;
mod keys;
mod light;
mod mailboxes;
mod members;
mod messages;
mod outbox;
mod round;
mod settings;
mod transaction;
mod view;

pub use audit_event::{AuditEvent, MessageEvent, UnlockedBy};
pub use client::Client;
pub use contacts::{ContactState, Verified};
pub use emergencies::MAX_EMERGENCY_MINUTES;
pub use error::ClientError;
pub(crate) use flows::{Asked, ReadHead};
pub use flows::{Draft, Outgoing};
pub use id::{ContactId, EmergencyId, InvitationId, MessagePage, MessageRef, OpenedPage};
pub use inbox::Work;
pub use journal::Journal;
pub use keys::StoreKey;
pub(crate) use mailboxes::Part;
pub use mailboxes::{Download, Mailbox};
pub(crate) use members::Place;
pub use messages::{FilingScope, FilingUpdate, MessageState};
pub use outbox::{MAX_POST, Pieces, PiecesNeeded, Post};
pub use round::{Answer, Ask, Clock, Failed, Failure, Progress, Round, Synced, Task};
pub use settings::Settings;
pub use transaction::{Change, Effects};
pub use view::{
    AttachmentView, CheckpointView, ContactView, DeviceNotice, DeviceView, EmergencyView, Event,
    FilingView, Gap, InvitationView, MessageView, Received, Rejected, RelayNotice, TransferView,
};
