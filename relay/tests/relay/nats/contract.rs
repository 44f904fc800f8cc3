//! The contract of a store, on a real server.

use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tessera::wire::OriginKey;
use tessera_relay::{
    cover::CoverRule,
    replica::streams::{self, Limits},
    store::log::{
        LogConfig, LogStore, StateDir, initialize,
        nats::{Nats, NatsOptions},
        raise,
    },
};

use super::servers::{Options, Servers};
use crate::{contract, log::options};

/// One store of many on the same server.
struct OnServer {
    directory: TempDir,
    server: String,
    id: String,
}

impl OnServer {
    fn connect(&self) -> Nats {
        Nats::start(NatsOptions {
            servers: vec![self.server.clone()],
            id: self.id.clone(),
            ca: None,
            nkey: None,
        })
        .unwrap()
    }

    async fn create(&self, state: &StateDir) {
        let limits = Limits {
            replicas: 1,
            retention: std::time::Duration::from_secs(1000),
            published: None,
        };
        let log = self.connect();
        let origin = OriginKey::from_seed(state.seed()).origin();
        for config in streams::configs(&self.id, &limits, origin) {
            let subject = format!("$JS.API.STREAM.CREATE.{}", config.name);
            let body = serde_json::to_value(&config).unwrap();
            let _: serde_json::Value = log.api(&subject, &body).await.unwrap();
        }
        let settings = LogConfig::new(&options(2048, 2, CoverRule::Fixed(4)));
        initialize(&log, &settings).await.unwrap();
        raise(&log, state.seed()).await.unwrap();
    }
}

impl contract::Open<LogStore<Nats>> for OnServer {
    fn open(&self) -> LogStore<Nats> {
        let path = self.directory.path().join("state");
        let opened = async {
            let is_new = !path.exists();
            let state = match is_new {
                true => StateDir::create(&path).unwrap(),
                false => StateDir::open(&path).unwrap(),
            };
            if is_new {
                self.create(&state).await;
            }
            let options = options(2048, 2, CoverRule::Fixed(4));
            let store = LogStore::open(self.connect(), state, options).unwrap();
            store.ready().await.unwrap();
            store
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(opened))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_the_contract() {
    let one = Options {
        count: 1,
        // Each stream reserves its maximum.
        max_store: "100GB",
        ..Options::default()
    };
    let Some(servers) = Servers::start(&one) else {
        return;
    };
    let made = AtomicU32::new(0);
    let fresh = || OnServer {
        directory: TempDir::new().unwrap(),
        server: servers.servers[0].client.to_string(),
        id: format!("C{}", made.fetch_add(1, Ordering::Relaxed)),
    };
    contract::all(fresh).await;
}
