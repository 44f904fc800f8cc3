//! Posts to a member that does not publish, passed on to one that does.
//!
//! The publisher is chosen by the body, so that a post that is repeated reaches
//! the same one, which ignores cells that it has. If it is unknown whether a
//! publisher stored a post, no other one gets it for the lifetime of a cell's tag:
//! its cells would be published twice, which marks them as real.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::Response,
};
use sha2::{Digest as _, Sha256};
use tessera::wire::paths;

use super::Peer;
use crate::lock::lock;

/// How long a post with an unknown outcome stays with its publisher. Clients seal
/// cells again after twelve hours without an answer.
const PINNED: Duration = Duration::from_secs(13 * 3600);
/// Maximum number of such posts; with more, posts are refused.
const MOST_PINNED: usize = 100_000;

/// Passes posts on.
#[derive(Debug)]
pub struct Forward {
    peers: Arc<[Peer]>,
    /// Whether this member publishes batches of the numbered buckets itself.
    publishes: bool,
    /// Whether it publishes batches of the lobby itself.
    lobby: bool,
    pinned: Mutex<HashMap<[u8; 32], (usize, Instant)>>,
}

impl Forward {
    /// Passes on to these members what this one does not publish itself.
    #[must_use]
    pub fn new(peers: Arc<[Peer]>, publishes: bool, lobby: bool) -> Self {
        Self {
            peers,
            publishes,
            lobby,
            pinned: Mutex::default(),
        }
    }

    /// Whether a post, with cells for the lobby or without, is to be passed on.
    #[must_use]
    pub fn takes(&self, has_lobby: bool) -> bool {
        !self.publishes || (has_lobby && !self.lobby)
    }

    /// Passes a post on. `None` if no publisher answered: it may be repeated.
    pub async fn post(&self, body: Bytes, has_lobby: bool) -> Option<Response> {
        let name: [u8; 32] = Sha256::digest(&body).into();
        let mut refusal = None;
        for number in self.candidates(&name, has_lobby)? {
            let peer = self.peers.get(number)?;
            match peer.post(paths::CELLS, body.clone()).await {
                Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                    self.unpin(&name);
                    return Some(response(answer));
                }
                // Refused as a whole, so another one may get it.
                Ok(answer) => refusal = Some(response(answer)),
                Err(error) if error.not_sent() => (),
                Err(_) => {
                    self.pin(name, number);
                    return None;
                }
            }
        }
        refusal
    }

    /// The publishers to try, in order; `None` if too many posts are pinned.
    fn candidates(&self, name: &[u8; 32], has_lobby: bool) -> Option<Vec<usize>> {
        let mut pinned = lock(&self.pinned);
        pinned.retain(|_, (_, until)| *until > Instant::now());
        if let Some((number, _)) = pinned.get(name) {
            return Some(vec![*number]);
        }
        if pinned.len() >= MOST_PINNED {
            return None;
        }
        drop(pinned);
        let mut ranked: Vec<_> = self
            .peers
            .iter()
            .enumerate()
            .filter(|(_, peer)| peer.member.publishes && (peer.member.lobby || !has_lobby))
            .map(|(number, peer)| {
                let rank = Sha256::new()
                    .chain_update(name)
                    .chain_update(peer.member.origin.0);
                (<[u8; 32]>::from(rank.finalize()), number)
            })
            .collect();
        ranked.sort_unstable();
        Some(ranked.into_iter().map(|(_, number)| number).collect())
    }

    fn pin(&self, name: [u8; 32], number: usize) {
        lock(&self.pinned).insert(name, (number, Instant::now() + PINNED));
    }

    fn unpin(&self, name: &[u8; 32]) {
        lock(&self.pinned).remove(name);
    }
}

/// The publisher's answer, with the header fields that clients use.
fn response(answer: super::PeerAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    for name in [
        header::CONTENT_TYPE,
        header::CACHE_CONTROL,
        header::RETRY_AFTER,
    ] {
        if let Some(value) = answer.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tessera::wire::Origin;

    use super::*;
    use crate::federation::{Identity, Member};

    fn forward(lobby: [bool; 3]) -> Forward {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["mirror".to_owned()]).unwrap();
        let key = signing_key.serialize_pem();
        let identity = Identity::parse(cert.pem().as_bytes(), key.as_bytes()).unwrap();
        let peers = (0_u8..).zip(lobby).map(|(number, lobby)| {
            let member = Member {
                name: number.to_string(),
                origin: Origin([number; 32]),
                pins: Vec::new(),
                peer: "127.0.0.1:1".to_owned(),
                urls: Vec::new(),
                publishes: true,
                lobby,
            };
            Peer::new(member, identity.client(Vec::new()).unwrap())
        });
        Forward::new(peers.collect(), false, false)
    }

    #[test]
    fn a_post_with_an_unknown_outcome_stays_with_its_publisher() {
        let forward = forward([true; 3]);
        let (one, other) = ([1; 32], [2; 32]);
        let order = forward.candidates(&one, false).unwrap();
        assert_eq!(order.len(), 3);
        assert_eq!(forward.candidates(&one, false), Some(order.clone()));
        forward.pin(one, order[2]);
        assert_eq!(forward.candidates(&one, false), Some(vec![order[2]]));
        assert_eq!(forward.candidates(&other, false).unwrap().len(), 3);
        forward.unpin(&one);
        assert_eq!(forward.candidates(&one, false), Some(order));
    }

    #[test]
    fn posts_are_spread_over_publishers_and_lobby_cells_reach_those_of_the_lobby() {
        let forward = forward([true, false, true]);
        let mut firsts = std::collections::BTreeSet::new();
        for number in 0..100 {
            let name = [number; 32];
            firsts.insert(forward.candidates(&name, false).unwrap()[0]);
            let mut of_lobby = forward.candidates(&name, true).unwrap();
            of_lobby.sort_unstable();
            assert_eq!(of_lobby, [0, 2]);
        }
        assert_eq!(firsts.len(), 3);
    }
}
