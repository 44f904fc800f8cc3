//! The members of a federation, from its file.

use std::collections::BTreeSet;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tessera::wire::{
    Origin, hex,
    relay_api::{MemberInfo, is_member_url},
};

use crate::Config;

/// Maximum number of members.
pub const MOST_MEMBERS: usize = 64;
/// Maximum length of a name and of a URL in bytes.
const MOST_TEXT: usize = 256;
/// Maximum number of keys and of URLs of a member.
const MOST_EACH: usize = 8;

/// SHA-256 of the public key (`SubjectPublicKeyInfo`, DER) of a certificate.
pub type Pin = [u8; 32];

/// Why a file of members is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{0}")]
    Form(String),
    /// Fewer than two members, or too many.
    #[error("a federation has from 2 to {MOST_MEMBERS} members")]
    Count,
    /// A member with a malformed value.
    #[error("member {name}: {what}")]
    Member {
        /// Its name, or its number if it has none.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Two members with the same value.
    #[error("two members with the same {0}")]
    Twice(&'static str),
    /// No member publishes, or none publishes the lobby.
    #[error("no member has publishes = true and lobby = true: nobody could invite")]
    NoPublisher,
    /// This relay is not in the file.
    #[error("this relay's origin {0} is not in the file")]
    NotMember(Origin),
    /// The certificate's key is not one of this member's.
    #[error("the key of --peer-cert, {0}, is not one of this member's keys in the file")]
    OtherKey(String),
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, for people.
    pub name: String,
    /// The key that signs its batches.
    pub origin: Origin,
    /// Keys of the certificates that it shows.
    pub pins: Vec<Pin>,
    /// Host and port of its peer port.
    pub peer: String,
    /// URLs for clients.
    pub urls: Vec<String>,
    /// Whether it publishes batches of the numbered buckets.
    pub publishes: bool,
    /// Whether it publishes batches of the lobby.
    pub lobby: bool,
}

/// The members, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members(Vec<Member>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    member: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    origin: String,
    keys: Vec<String>,
    peer: String,
    urls: Vec<String>,
    publishes: bool,
    lobby: bool,
}

impl Members {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// One of [`MembersError`].
    pub fn parse(text: &str) -> Result<Self, MembersError> {
        let file: File =
            toml::from_str(text).map_err(|error| MembersError::Form(error.message().to_owned()))?;
        if !(2..=MOST_MEMBERS).contains(&file.member.len()) {
            return Err(MembersError::Count);
        }
        let members = file.member.into_iter().map(Entry::read);
        let members = Self(members.collect::<Result<Vec<_>, _>>()?);
        members.check()?;
        Ok(members)
    }

    fn check(&self) -> Result<(), MembersError> {
        let distinct = |what, of: Vec<&[u8]>| {
            let all = of.len();
            match of.into_iter().collect::<BTreeSet<_>>().len() == all {
                true => Ok(()),
                false => Err(MembersError::Twice(what)),
            }
        };
        let members = || self.0.iter();
        distinct("name", members().map(|m| m.name.as_bytes()).collect())?;
        distinct("origin", members().map(|m| &m.origin.0[..]).collect())?;
        let pins = members().flat_map(|m| m.pins.iter());
        distinct("key", pins.map(|pin| &pin[..]).collect())?;
        distinct("peer", members().map(|m| m.peer.as_bytes()).collect())?;
        match members().any(|member| member.lobby) {
            true => Ok(()),
            false => Err(MembersError::NoPublisher),
        }
    }

    /// All members, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.0.iter()
    }

    /// The member with this origin, and its position.
    #[must_use]
    pub fn of(&self, origin: &Origin) -> Option<(usize, &Member)> {
        let mut members = self.0.iter().enumerate();
        members.find(|(_, member)| member.origin == *origin)
    }

    /// SHA-256 of the members in a canonical form: equal for equal files, whatever
    /// their spaces and comments.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for member in &self.0 {
            let pins: Vec<_> = member.pins.iter().map(|pin| hex::encode(pin)).collect();
            // Debug output of strings is quoted, so that fields cannot run together.
            hash.update(format!(
                "{:?} {} {pins:?} {:?} {:?} {} {}\n",
                member.name,
                member.origin,
                member.peer,
                member.urls,
                member.publishes,
                member.lobby
            ));
        }
        hash.finalize().into()
    }

    /// What clients learn of the members.
    #[must_use]
    pub fn info(&self) -> Vec<MemberInfo> {
        let info = |member: &Member| MemberInfo {
            origin: member.origin,
            name: member.name.clone(),
            urls: member.urls.clone(),
            publishes: member.publishes,
        };
        self.0.iter().map(info).collect()
    }
}

impl Entry {
    fn read(self) -> Result<Member, MembersError> {
        let name = self.name.clone();
        let wrong = |what| MembersError::Member {
            name: name.clone(),
            what,
        };
        let is_text = |text: &str| {
            !text.is_empty() && text.len() <= MOST_TEXT && !text.contains(char::is_control)
        };
        if !is_text(&self.name) {
            return Err(wrong("a name has 1 to 256 characters"));
        }
        let origin = self.origin.parse();
        let origin = origin.map_err(|_| wrong("origin: 64 lower-case hexadecimal digits"))?;
        let pins: Option<Vec<Pin>> = self.keys.iter().map(|key| hex::decode(key)).collect();
        let pins = pins
            .filter(|pins| (1..=MOST_EACH).contains(&pins.len()))
            .ok_or_else(|| {
                wrong("keys: 1 to 8 SHA-256 hashes, 64 lower-case hexadecimal digits")
            })?;
        let port = self.peer.rsplit_once(':');
        if !is_text(&self.peer)
            || !port.is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        {
            return Err(wrong("peer: a host and a port"));
        }
        let is_url = |url: &String| is_member_url(url);
        if !(1..=MOST_EACH).contains(&self.urls.len()) || !self.urls.iter().all(is_url) {
            return Err(wrong(
                "urls: 1 to 8 https URLs, or http to this machine, without credentials, query and fragment",
            ));
        }
        if self.lobby && !self.publishes {
            return Err(wrong("lobby = true needs publishes = true"));
        }
        Ok(Member {
            name: self.name,
            origin,
            pins,
            peer: self.peer,
            urls: self.urls,
            publishes: self.publishes,
            lobby: self.lobby,
        })
    }
}

/// SHA-256 of the settings that all members must share: cell size, buckets, and the
/// lengths of epochs.
#[must_use]
pub fn parameters(config: &Config) -> [u8; 32] {
    let text = format!(
        "tessera/v1/federation {} {} {} {}",
        config.buckets.get(),
        config.cell_size.get(),
        config.epoch.get(),
        config.lobby_epoch.get()
    );
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn member(name: &str, byte: &str, more: &str) -> String {
        let hex = byte.repeat(32);
        let mut text = format!(
            "[[member]]\nname = \"{name}\"\norigin = \"{hex}\"\nkeys = [\"{hex}\"]\n\
             peer = \"{name}.example:8444\"\nurls = [\"https://{name}.example\"]\n"
        );
        for (key, value) in [("publishes", "true"), ("lobby", "true")] {
            if !more.contains(key) {
                text += &format!("{key} = {value}\n");
            }
        }
        text + more + "\n"
    }

    fn two() -> String {
        member("a", "0a", "") + &member("b", "0b", "publishes = false\nlobby = false")
    }

    #[test]
    fn invalid_files_are_refused() {
        let a = member("a", "0a", "");
        for (text, error) in [
            (String::new(), "missing field"),
            (a.clone(), "from 2 to 64"),
            ("[[member]]\nname = 1".to_owned(), "invalid type"),
            (two() + "more = 1", "unknown field"),
            (two().replace("origin = \"0a", "origin = \"0A"), "origin"),
            (two().replace("keys = [\"0a", "keys = [\"a"), "keys"),
            (a.clone() + &member("b", "0a", ""), "the same origin"),
            (a.clone() + &member("a", "0b", ""), "the same name"),
            (two().replace("a.example:8444", "a.example"), "peer"),
            (
                two().replace("b.example:8444", "a.example:8444"),
                "the same peer",
            ),
            (two().replace("https://a", "ftp://a"), "urls"),
            (two().replace("https://a", "http://a"), "urls"),
            (two().replace("https://a", "https://me:key@a"), "urls"),
            (
                two().replace("https://a.example", "https://a.example?x"),
                "urls",
            ),
            (
                two().replace("publishes = true", "publishes = false"),
                "lobby",
            ),
            (two().replace("lobby = true", "lobby = false"), "nobody"),
        ] {
            let refused = Members::parse(&text).unwrap_err().to_string();
            assert!(refused.contains(error), "{refused} for {error}");
        }
    }

    #[test]
    fn the_hash_depends_on_every_field_and_on_nothing_else() {
        let members = Members::parse(&two()).unwrap();
        let spaced = format!("# The members\n{}", two().replace(" = ", "   =   "));
        assert_eq!(Members::parse(&spaced).unwrap().hash(), members.hash());
        for (from, to) in [
            ("\"a\"", "\"c\""),
            ("0a0a", "0c0c"),
            ("a.example:8444", "a.example:8445"),
            ("https://a", "https://c"),
            ("publishes = false", "publishes = true"),
            ("keys = [\"0b", "keys = [\"0d"),
        ] {
            let other = Members::parse(&two().replace(from, to)).unwrap();
            assert_ne!(other.hash(), members.hash(), "{from}");
        }
        let b = members.of(&Origin([0x0b; 32])).unwrap();
        assert_eq!((b.0, b.1.publishes), (1, false));
    }

    #[test]
    fn parameters_differ_if_one_does() {
        let hash = |flags: &[&str]| {
            let line = ["tessera-relay", "serve", "--storage=sqlite://none"];
            let cli = Cli::load(line.iter().chain(flags)).unwrap();
            let Command::Serve(config) = cli.command else {
                panic!("another command");
            };
            parameters(&config)
        };
        let ours = hash(&[]);
        for other in [
            "--buckets=4",
            "--cell-size=1024",
            "--epoch=15m",
            "--lobby-epoch=6s",
        ] {
            assert_ne!(ours, hash(&[other]), "{other}");
        }
    }
}
