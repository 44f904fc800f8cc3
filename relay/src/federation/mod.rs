//! Relays of several organisations: each keeps and serves the batches of all.
//!
//! The unit is the published batch, unchanged. Members ask each other for what
//! they do not have, and check signatures and chains; nobody has to trust a member
//! about another's batches. A member that publishes nothing is a mirror: it passes
//! posts on to a publisher.

mod entry;
mod error;
mod fork;
mod forward;
mod members;
mod peer;
mod pins;
mod pull;
mod segments;
mod status;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tessera::wire::{Fork, Origin};
use tokio::{sync::watch, task::JoinSet, time::timeout};

pub(crate) use self::entry::{make_certificate, origin, pin};
pub use self::{
    entry::{EntryArgs, EntryError},
    error::PullError,
    forward::Forward,
    members::{MOST_MEMBERS, Member, Members, MembersError, Pin, parameters},
    peer::{Peer, PeerAnswer, PeerError},
    pins::Identity,
    status::{PeerState, Status},
};
use crate::{
    Config,
    config::Topology,
    epoch::PublishedEpochs,
    lock::lock,
    random,
    store::{Kind, Store, StoreError},
};

/// How long the first pull before the first close may take.
const FIRST_PULL: Duration = Duration::from_secs(10);

/// Held by the task that pulls an origin's batches of a kind.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// Pulls batches from the other members.
pub struct Federation<S> {
    store: S,
    published: PublishedEpochs,
    members: Members,
    peers: Arc<[Peer]>,
    config: Config,
    status: Arc<Status>,
    forked: Mutex<HashSet<Origin>>,
    turns: Mutex<HashMap<(Origin, Kind), Turn>>,
}

impl<S: Store> Federation<S> {
    /// Reads the forks of the store. `peers` are the other members, in the order of
    /// the ring, the next one first.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn new(
        store: S,
        published: PublishedEpochs,
        members: Members,
        peers: Arc<[Peer]>,
        config: &Config,
    ) -> Result<Arc<Self>, StoreError> {
        let forks = store.published()?.forks().await?;
        let forked = forks.iter().map(|fork| fork.header().origin).collect();
        let names = peers.iter().map(|peer| peer.member.name.clone());
        Ok(Arc::new(Self {
            status: Arc::new(Status::new(names.collect(), forks.len())),
            store,
            published,
            members,
            peers,
            config: config.clone(),
            forked: Mutex::new(forked),
            turns: Mutex::default(),
        }))
    }

    /// What is known of the other members.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Asks every member once, so that a publisher knows which cells the others have
    /// published before it closes its first epoch. Members that do not answer in
    /// time are passed over.
    ///
    /// # Errors
    ///
    /// [`PullError::RolledBack`].
    pub async fn first_pull(self: &Arc<Self>) -> Result<(), PullError> {
        let mut pulls = JoinSet::new();
        for number in 0..self.peers.len() {
            let federation = Arc::clone(self);
            pulls.spawn(async move { federation.ask(number).await });
        }
        let all = async {
            while let Some(pulled) = pulls.join_next().await {
                if let Ok(Err(PullError::RolledBack)) = pulled {
                    return Err(PullError::RolledBack);
                }
            }
            Ok(())
        };
        timeout(FIRST_PULL, all).await.unwrap_or(Ok(()))
    }

    /// Pulls until a stop signal. Returns early only if this relay's store turns
    /// out to be an old copy.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), PullError> {
        let mut tasks = JoinSet::new();
        let peers = self.peers.len();
        match self.config.federation.topology {
            Topology::Mesh => {
                for number in 0..peers {
                    tasks.spawn(Arc::clone(&self).keep_asking(vec![number]));
                }
            }
            Topology::Ring => {
                tasks.spawn(Arc::clone(&self).keep_asking((0..peers).collect()));
                tasks.spawn(Arc::clone(&self).keep_asking((0..peers).rev().collect()));
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            Some(ended) = tasks.join_next() => match ended {
                Ok(error) => Err(error),
                Err(_) => Err(PullError::Protocol),
            },
            () = self.announce() => Ok(()),
        }
    }

    /// Announces what other processes import that share the store.
    async fn announce(&self) {
        loop {
            let kind = self.store.imported_elsewhere().await;
            self.published.imported(kind);
        }
    }

    /// Asks the first of these members that answers, again and again.
    async fn keep_asking(self: Arc<Self>, numbers: Vec<usize>) -> PullError {
        loop {
            for number in &numbers {
                match self.ask(*number).await {
                    Ok(()) => break,
                    Err(PullError::RolledBack) => return PullError::RolledBack,
                    Err(_) => (),
                }
            }
            let poll = self.config.federation.peer_poll.duration();
            tokio::time::sleep(random::around(poll)).await;
        }
    }

    async fn ask(&self, number: usize) -> Result<(), PullError> {
        let Some(peer) = self.peers.get(number) else {
            return Ok(());
        };
        let pulled = self.pull(peer).await;
        self.status.pulled(number, pulled);
        pulled
    }

    fn has_forked(&self, origin: &Origin) -> bool {
        lock(&self.forked).contains(origin)
    }

    async fn keep_fork(&self, fork: Fork) -> Result<(), StoreError> {
        let origin = fork.header().origin;
        self.store.keep_fork(fork).await?;
        if lock(&self.forked).insert(origin) {
            tracing::error!(
                %origin,
                "an origin has signed two histories: its batches are not pulled any more; the proof is kept"
            );
            self.status.forked();
            // The list of origins changes.
            self.published.imported(Kind::Numbered);
        }
        Ok(())
    }

    /// The lock of one origin's chains.
    fn turn(&self, origin: &Origin, kind: Kind) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.turns).entry((*origin, kind)).or_default())
    }
}
