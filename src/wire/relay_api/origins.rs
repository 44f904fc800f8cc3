//! `GET /v1/origins` and the federation in `GET /v1/info`.

use serde::{Deserialize, Serialize};

use crate::wire::{Origin, Sha256Hash};

/// `GET /v1/origins`: whose batches a relay has, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginsAnswer {
    /// Hash of the parameters that all members of a federation share.
    pub parameters: Sha256Hash,
    /// Hash of the list of members; `null` outside a federation.
    pub members: Option<Sha256Hash>,
    /// The origins, ordered by key.
    pub origins: Vec<Standing>,
}

/// What a relay has of one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The origin.
    pub origin: Origin,
    /// The member's name; `null` for an origin that is no member.
    pub name: Option<String>,
    /// Its batches, by kind.
    pub kinds: Standings,
    /// SHA-256 of the proof, if the origin has signed two histories.
    pub fork: Option<Sha256Hash>,
}

/// The batches of one origin, by kind; `null` if there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// Those of the numbered buckets.
    pub numbered: Option<KindStanding>,
    /// Those of the lobby.
    pub lobby: Option<KindStanding>,
}

/// The batches of one origin and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindStanding {
    /// The oldest epoch kept.
    pub oldest: u64,
    /// The newest epoch.
    pub epoch: u64,
    /// When that was closed, Unix seconds.
    pub closed_at: u64,
    /// SHA-256 over the header hashes of that epoch, in the order of buckets.
    pub root: Sha256Hash,
}

/// What a relay has of the numbered buckets of one origin: the part of
/// `GET /v1/origins` that a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The origin.
    pub origin: Origin,
    /// The oldest epoch kept.
    pub oldest: u64,
    /// The newest epoch.
    pub epoch: u64,
}

/// One member of a federation, in `GET /v1/info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// The key that signs its batches.
    pub origin: Origin,
    /// Its name, for people.
    pub name: String,
    /// Its URLs for clients.
    pub urls: Vec<String>,
    /// Whether it publishes batches of its own.
    pub publishes: bool,
}

/// What a client keeps of [`MemberInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAnswer {
    /// The key that signs its batches.
    pub origin: Origin,
    /// The first of its URLs that a client uses, without a slash at its end.
    pub url: Option<String>,
}

/// Longest URL of a member, in bytes.
const MOST_URL: usize = 256;

/// Whether clients use this URL of a member: `https`, or `http` to this machine;
/// without credentials, query or fragment.
#[must_use]
pub fn is_member_url(url: &str) -> bool {
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    // Nor anything that ends a source in a Content-Security-Policy.
    let plain = plain && !url.contains(['@', '?', '#', '\\', '"', '\'', '<', '>', ';', ',']);
    let host = |rest: &str| !rest.is_empty() && !rest.starts_with(['/', ':']);
    let secure = url.strip_prefix("https://").is_some_and(host);
    let local = url.strip_prefix("http://").is_some_and(|rest| {
        let names = ["127.0.0.1", "localhost", "[::1]"];
        let mut after = names.iter().filter_map(|name| rest.strip_prefix(name));
        after.any(|after| after.is_empty() || after.starts_with([':', '/']))
    });
    plain && url.len() <= MOST_URL && (secure || local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_member_is_https_or_of_this_machine_and_nothing_else() {
        for url in [
            "https://relay.example",
            "https://relay.example:8443/tessera",
            "https://[2001:db8::1]:8443",
            "http://127.0.0.1:8100",
            "http://localhost",
            "http://[::1]:8100",
        ] {
            assert!(is_member_url(url), "{url}");
        }
        let long = format!("https://{}.example", "a".repeat(MOST_URL));
        for url in [
            "",
            "https://",
            "https:///x",
            "http://relay.example",
            "http://127.0.0.1.example",
            "http://localhost@relay.example",
            "https://user:password@relay.example",
            "https://relay.example?x",
            "https://relay.example#x",
            "https://relay.example\\x",
            "https://relay example",
            "https://übermut.example",
            "javascript:alert(1)",
            "https://relay.example;script-src",
            "https://relay.example,x",
            "relay.example",
            &long,
        ] {
            assert!(!is_member_url(url), "{url}");
        }
    }
}
