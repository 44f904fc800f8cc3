//! Where a client reads: at its own relay, or at another member while that
//! does not answer. Where it posts is stored, see
//! [`Members`](crate::client::members::Members).
//!
//! Reads move at once, and come back as soon as the own relay describes itself
//! again. Every member gets the requests that the own relay would have got.

use super::Failure;
use crate::client::{Client, Place, ReadHead};

/// Where reads go, and what is known of the other members in this session.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// `None` for the own relay.
    at: Option<Place>,
    /// Whether it has answered since reads go there.
    answers: bool,
    /// Members that did not answer since the own relay did not.
    silent: Vec<String>,
    /// Nobody answered: nothing more is tried before the next wait.
    exhausted: bool,
    /// Members whose batches were not as they were signed.
    distrusted: Vec<String>,
    /// Heads that are still to be compared, once something was read; empty once
    /// all were.
    compared: bool,
    pub(super) to_compare: Vec<ReadHead>,
}

impl Route {
    /// The member that is read; `None` for the own relay.
    pub(super) fn at(&self) -> Option<&str> {
        self.at.as_ref().map(|place| place.url.as_str())
    }

    /// Whether it may be the first of two relays in light reading.
    pub(super) fn looks(&self) -> bool {
        self.at.as_ref().is_none_or(|place| place.looks)
    }

    pub(super) fn answers(&self) -> bool {
        self.answers
    }

    /// What is read has given an answer.
    pub(super) fn answered(&mut self) {
        self.answers = true;
    }

    /// The own relay has described itself: it is read from now on.
    pub(super) fn home(&mut self) {
        self.at = None;
        self.answers = true;
        self.silent.clear();
    }

    /// After a failure: whether another place is read from now on. If none is
    /// left, the own relay is asked again after the usual wait.
    pub(super) fn moves_on(&mut self, client: &Client, failure: Failure) -> bool {
        failure == Failure::Unavailable(0) && self.moves(client)
    }

    /// A batch was not as it was signed: no more is read at that member, and
    /// whether another place is.
    pub(super) fn distrusts(&mut self, client: &Client) -> bool {
        let Some(place) = &self.at else {
            return false;
        };
        self.distrusted.push(place.url.clone());
        self.moves(client)
    }

    fn moves(&mut self, client: &Client) -> bool {
        let left = self.at.take();
        self.silent.extend(left.map(|place| place.url));
        self.answers = false;
        if self.exhausted {
            return false;
        }
        let out = |place: &Place| {
            self.silent.contains(&place.url) || self.distrusted.contains(&place.url)
        };
        self.at = client.places().into_iter().find(|place| !out(place));
        if self.at.is_none() {
            self.silent.clear();
            self.exhausted = true;
        }
        self.at.is_some()
    }

    /// Nothing is done for a while: then members are tried again.
    pub(super) fn rest(&mut self) {
        self.exhausted = false;
    }

    /// Names a download at this place: what one relay does not have, another may.
    pub(super) fn key(&self, path: &str) -> String {
        format!("{}{path}", self.at().unwrap_or_default())
    }

    /// The own bucket was read: its heads are compared once in a session, with
    /// those of another member.
    pub(super) fn compare(&mut self, client: &Client) {
        if !core::mem::replace(&mut self.compared, true) {
            self.to_compare = client.heads();
        }
    }

    /// The member does not have all of it yet, or does not answer: once more
    /// when the bucket was read again.
    pub(super) fn compare_later(&mut self) {
        self.compared = false;
        self.to_compare.clear();
    }

    /// The member with whose heads they are compared.
    pub(super) fn other(&self, client: &Client) -> Option<String> {
        let mut places = client.places().into_iter();
        let other = places.find(|place| Some(place.url.as_str()) != self.at());
        other.map(|place| place.url)
    }
}
