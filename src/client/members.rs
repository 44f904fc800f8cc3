//! Other members of the relay's federation, where a client reads and posts
//! while its own relay does not answer. Protocol §13.

use crate::{
    client::{StoreKey, transaction::Transaction},
    vault::stored::MembersRecord,
    wire::{Origin, relay_api::MemberAnswer},
};

/// Most members that are used besides the own relay: when none of them answers,
/// each is asked once before the next wait.
const MOST_MEMBERS: usize = 4;
/// Between the URLs of the record: no URL contains it.
const SEPARATOR: &str = "\n";

/// A relay that a client may use in place of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: String,
    /// Whether it may be the first of two relays in light reading: only the
    /// host knows which relays do not belong to one operator.
    pub(crate) looks: bool,
}

/// The other members, and where posts go.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// By the host; `None` for those that the relay names.
    given: Option<Vec<String>>,
    /// The second relay of light reading.
    mirror: Option<String>,
    /// By the relay's last description.
    named: Vec<String>,
    /// The member that gets posts; `None` for the own relay.
    posts_at: Option<String>,
}

impl Members {
    /// What the host says about members. Not stored.
    pub(crate) fn set(&mut self, given: Option<Vec<String>>, mirror: Option<String>) {
        self.given = given;
        self.mirror = mirror;
    }

    /// Takes the members that the relay names. They are stored: a relay that
    /// does not answer cannot name them.
    pub(crate) fn name(
        &mut self,
        members: &[MemberAnswer],
        (home, origin): (&str, &Origin),
        tx: &mut Transaction,
    ) {
        let others = members.iter().filter(|member| member.origin != *origin);
        let urls = others.filter_map(|member| member.url.clone());
        let urls = urls.filter(|url| url != home).take(MOST_MEMBERS);
        let named: Vec<String> = urls.collect();
        if self.named != named {
            self.named = named;
            tx.touch(StoreKey::Members);
        }
    }

    /// Forgets the members that a former relay named.
    pub(crate) fn relocate(&mut self, tx: &mut Transaction) {
        self.named = Vec::new();
        tx.touch(StoreKey::Members);
    }

    /// Where a client of this relay goes if it does not answer, in order.
    pub(crate) fn places(&self, home: &str) -> Vec<Place> {
        let given = self.given.as_ref();
        let looks = given.is_some();
        let mut places = Vec::<Place>::new();
        for url in given.unwrap_or(&self.named).iter().take(MOST_MEMBERS) {
            let is_known = places.iter().any(|place| place.url == *url);
            if !is_known && url != home && Some(url) != self.mirror.as_ref() {
                let url = url.clone();
                places.push(Place { url, looks });
            }
        }
        let is_off = given.is_some_and(Vec::is_empty);
        if let Some(url) = self.mirror.clone().filter(|_| !is_off) {
            places.push(Place { url, looks: false });
        }
        places
    }

    pub(crate) fn posts_at(&self) -> Option<&str> {
        self.posts_at.as_deref()
    }

    /// Posts go elsewhere from now on.
    pub(crate) fn post_at(&mut self, place: Option<String>, tx: &mut Transaction) {
        if self.posts_at != place {
            self.posts_at = place;
            tx.touch(StoreKey::Members);
        }
    }

    /// `None` while there is nothing to remember.
    pub(crate) fn to_record(&self) -> Option<MembersRecord> {
        let kept = !self.named.is_empty() || self.posts_at.is_some();
        kept.then(|| MembersRecord {
            named: self.named.join(SEPARATOR),
            posts_at: self.posts_at.clone(),
        })
    }

    pub(crate) fn restore(&mut self, record: MembersRecord) {
        let named = record.named.split(SEPARATOR).filter(|url| !url.is_empty());
        self.named = named.map(str::to_owned).collect();
        self.posts_at = record.posts_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    const HOME: &str = "https://home.example";

    fn url(number: u8) -> String {
        format!("https://{number}.example")
    }

    fn named(numbers: impl IntoIterator<Item = u8>) -> Members {
        let mut members = Members::default();
        let answers = numbers.into_iter().map(|number| MemberAnswer {
            origin: Origin([number; 32]),
            url: (number != 9).then(|| url(number)),
        });
        let home = MemberAnswer {
            origin: Origin([0; 32]),
            url: Some("https://other-name.example".to_owned()),
        };
        let answers: Vec<_> = answers.chain([home]).collect();
        let mut tx = Transaction::new(UnixTime(1));
        members.name(&answers, (HOME, &Origin([0; 32])), &mut tx);
        members
    }

    fn urls(members: &Members) -> Vec<String> {
        let places = members.places(HOME).into_iter();
        places.map(|place| place.url).collect()
    }

    #[test]
    fn a_relay_names_a_few_others_and_never_a_first_relay_of_light_reading() {
        let mut members = named([1, 9, 2]);
        assert_eq!(urls(&members), [url(1), url(2)]);
        assert!(members.places(HOME).iter().all(|place| !place.looks));
        assert_eq!(urls(&named(1..=8)).len(), MOST_MEMBERS);
        let mut restored = Members::default();
        restored.restore(members.to_record().unwrap());
        assert_eq!(urls(&restored), urls(&members));
        members.relocate(&mut Transaction::new(UnixTime(1)));
        assert!(urls(&members).is_empty() && members.to_record().is_none());
    }

    #[test]
    fn what_the_host_says_counts_alone_and_the_mirror_is_read_whole_and_last() {
        let mut members = named([1]);
        let given = vec![url(2), HOME.to_owned(), url(3), url(2)];
        members.set(Some(given), Some(url(3)));
        let looks = [true, false];
        let places = [url(2), url(3)].into_iter().zip(looks);
        let places = places.map(|(url, looks)| Place { url, looks });
        assert_eq!(members.places(HOME), places.collect::<Vec<_>>());
        members.set(Some(Vec::new()), Some(url(3)));
        assert!(members.places(HOME).is_empty(), "none, says the host");
    }
}
