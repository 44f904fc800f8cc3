//! The federation of a relay that is a member of one.

use std::{net::TcpListener, sync::Arc};

use tessera::wire::Origin;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use super::{RunError, listen, reload::read, warn_if_shared};
use crate::{
    Config,
    federation::{Forward, Identity, Member, Members, MembersError, Peer, Pin},
    files::FileError,
};

/// Maximum number of cells that another member may pass on per minute.
pub(super) const CELLS_PER_MEMBER: u32 = 1_000_000;

/// A relay's membership, checked before anything starts.
pub(super) struct Membership {
    pub(super) members: Members,
    pub(super) own: Member,
    pub(super) peers: Arc<[Peer]>,
    pub(super) tls: watch::Receiver<Arc<ServerConfig>>,
    pub(super) listener: TcpListener,
}

impl Membership {
    /// Reads the files and binds the peer port.
    pub(super) fn open(config: &Config, origin: Origin) -> Result<Option<Self>, RunError> {
        let Some(files) = config.federation.files() else {
            return Ok(None);
        };
        warn_if_shared(Some(&files.key));
        let refuse = FileError::at(&files.federation);
        let text = read(&files.federation)?;
        let text = std::str::from_utf8(&text).map_err(|_| refuse("not UTF-8".to_owned()))?;
        let members = Members::parse(text).map_err(|error| refuse(error.to_string()))?;
        let other = || refuse(MembersError::NotMember(origin).to_string());
        let (number, own) = members.of(&origin).ok_or_else(other)?;
        let own = own.clone();
        let identity = Identity::parse(&read(&files.certificate)?, &read(&files.key)?);
        let identity = identity.map_err(FileError::at(&files.certificate))?;
        let pin = identity.pin().map_err(FileError::at(&files.certificate))?;
        if !own.pins.contains(&pin) {
            let error = MembersError::OtherKey(tessera::wire::hex::encode(&pin));
            return Err(refuse(error.to_string()).into());
        }
        // In the order of the ring, the next member first.
        let others = members.iter().skip(number + 1);
        let others = others.chain(members.iter().take(number));
        let peers = others.cloned().map(|member| {
            let tls = identity.client(member.pins.clone());
            Ok(Peer::new(member, tls.map_err(FileError::at(&files.key))?))
        });
        let peers: Vec<Peer> = peers.collect::<Result<_, FileError>>()?;
        let pins: Vec<Pin> = peers
            .iter()
            .flat_map(|peer| peer.member.pins.clone())
            .collect();
        let tls = identity.server(pins).map_err(FileError::at(&files.key))?;
        let (_, tls) = watch::channel(Arc::new(tls));
        Ok(Some(Self {
            peers: peers.into(),
            tls,
            listener: listen(files.listen)?,
            own,
            members,
        }))
    }

    /// What passes posts on, unless this member publishes everything itself.
    pub(super) fn forward(&self) -> Option<Forward> {
        let Member {
            publishes, lobby, ..
        } = self.own;
        (!publishes || !lobby).then(|| Forward::new(Arc::clone(&self.peers), publishes, lobby))
    }
}
