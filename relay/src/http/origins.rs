//! `GET /v1/origins…`: whose batches this relay has, and how far; their headers;
//! and proofs of forks.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use sha2::{Digest as _, Sha256};
use tessera::wire::{
    BATCH_HEADER_LEN, Origin, Sha256Hash, hex,
    relay_api::{KindStanding, OriginsAnswer, Standing, Standings},
};
use tokio::sync::Mutex;

use super::{
    App, Refusal, Shared,
    buckets::{JSON, OCTETS, conditional, number},
};
use crate::{
    epoch::Published,
    federation::Members,
    store::{Kind, OriginState, Store, StoreError, Window},
};

const NO_CACHE: &str = "no-cache";
/// Headers of a page: 4 MiB, and the rest of an epoch.
const PAGE: usize = (4 << 20) / BATCH_HEADER_LEN;

/// What this relay has in common with others.
#[derive(Clone, Debug)]
pub struct Common {
    /// The hash of its parameters.
    pub parameters: [u8; 32],
    /// The members of its federation, if there is one.
    pub members: Option<Members>,
}

type PublishedKinds = [Option<Published>; 2];

/// The cached list; made once per publication or import.
#[derive(Debug, Default)]
pub(super) struct OriginsList(Mutex<Option<(PublishedKinds, Bytes, Arc<str>)>>);

/// `GET /v1/origins`.
pub(super) async fn list<S: Store>(
    State(app): Shared<S>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (json, etag) = app.origins.get(&app).await?;
    Ok(conditional(&headers, &etag, JSON, NO_CACHE, || json))
}

impl OriginsList {
    async fn get<S: Store>(&self, app: &App<S>) -> Result<(Bytes, Arc<str>), StoreError> {
        let of = Kind::ALL.map(|kind| app.published.get(kind));
        let mut made = self.0.lock().await;
        if let Some((made_of, json, etag)) = made.as_ref()
            && *made_of == of
        {
            return Ok((json.clone(), Arc::clone(etag)));
        }
        let answer = answer(app).await?;
        let json = Bytes::from(serde_json::to_vec(&answer).map_err(|_| StoreError::Damaged)?);
        let etag: Arc<str> = hex::encode(&Sha256::digest(&json)).into();
        *made = Some((of, json.clone(), Arc::clone(&etag)));
        Ok((json, etag))
    }
}

async fn answer<S: Store>(app: &App<S>) -> Result<OriginsAnswer, StoreError> {
    let published = app.store.published()?;
    let stored = |kind| published.origins(kind, window(app, kind));
    let (numbered, lobby) = (stored(Kind::Numbered).await?, stored(Kind::Lobby).await?);
    let forks = published.forks().await?;
    let members = app.common.members.as_ref();
    let mut origins: Vec<Origin> = members
        .into_iter()
        .flat_map(|members| members.iter().map(|member| member.origin))
        .chain(numbered.iter().chain(&lobby).map(|state| state.origin))
        .chain([app.store.origin()])
        .collect();
    origins.sort_unstable();
    origins.dedup();
    let standing = |origin: Origin| Standing {
        origin,
        name: members
            .and_then(|members| members.of(&origin))
            .map(|(_, member)| member.name.clone()),
        kinds: Standings {
            numbered: of(&numbered, origin),
            lobby: of(&lobby, origin),
        },
        fork: forks
            .iter()
            .find(|fork| fork.header().origin == origin)
            .map(|fork| Sha256Hash(Sha256::digest(fork.encode()).into())),
    };
    Ok(OriginsAnswer {
        parameters: Sha256Hash(app.common.parameters),
        members: members.map(|members| Sha256Hash(members.hash())),
        origins: origins.into_iter().map(standing).collect(),
    })
}

fn of(states: &[OriginState], origin: Origin) -> Option<KindStanding> {
    let state = states.iter().find(|state| state.origin == origin)?;
    Some(KindStanding {
        oldest: state.oldest,
        epoch: state.epoch,
        closed_at: state.closed_at.0,
        root: Sha256Hash(state.root),
    })
}

fn window<S: Store>(app: &App<S>, kind: Kind) -> Window {
    let published = app.published.get(kind);
    published.map(Window::from).unwrap_or_default()
}

/// `GET /v1/origins/{origin}/{kind}/headers?after={epoch}`.
pub(super) async fn headers<S: Store>(
    State(app): Shared<S>,
    place: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Path((origin, kind)) = place.map_err(|_| Refusal::NotFound)?;
    let origin: Origin = origin.parse().map_err(|_| Refusal::NotFound)?;
    let kind = Kind::parse(&kind).ok_or(Refusal::NotFound)?;
    let after = match query.as_deref() {
        None | Some("") => None,
        Some(query) => {
            let after = query.strip_prefix("after=").ok_or(Refusal::NotFound)?;
            Some(number(after)?)
        }
    };
    let published = app.store.published()?;
    let found = published.headers(origin, kind, after, PAGE, window(&app, kind));
    let bytes: Vec<u8> = found
        .await?
        .iter()
        .flat_map(|header| header.encode())
        .collect();
    let etag = hex::encode(&Sha256::digest(&bytes));
    Ok(conditional(&headers, &etag, OCTETS, NO_CACHE, || bytes))
}

/// `GET /v1/origins/{origin}/fork`.
pub(super) async fn fork<S: Store>(
    State(app): Shared<S>,
    origin: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Path(origin) = origin.map_err(|_| Refusal::NotFound)?;
    let origin: Origin = origin.parse().map_err(|_| Refusal::NotFound)?;
    let forks = app.store.published()?.forks().await?;
    let fork = forks
        .into_iter()
        .find(|fork| fork.header().origin == origin)
        .ok_or(Refusal::NotFound)?;
    let proof = fork.encode();
    let etag = hex::encode(&Sha256::digest(proof));
    let proof = || proof.to_vec();
    Ok(conditional(&headers, &etag, OCTETS, NO_CACHE, proof))
}
