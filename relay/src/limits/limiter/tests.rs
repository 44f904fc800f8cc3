use super::*;
use axum::http::HeaderValue;
use clap::Parser;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    limits: LimitArgs,
}

fn limiter(flags: &str) -> Arc<ConnectionLimiter> {
    let line = ["serve"].into_iter().chain(flags.split_whitespace());
    // Epochs of one day, so that none ends during a test, except at midnight UTC.
    let schedule = Schedule::new(86_400);
    ConnectionLimiter::new(Line::parse_from(line).limits, ByKind::new(|_| schedule))
}

fn connect(limiter: &Arc<ConnectionLimiter>, from: &str) -> Option<Connection> {
    let client: Client = from.parse().unwrap_or_else(|_| panic!("{from}"));
    Some(Connection {
        source: limiter.source(client)?,
        limiter: Arc::clone(limiter),
        account: Mutex::default(),
        _permit: Arc::clone(&limiter.connections)
            .try_acquire_owned()
            .unwrap(),
    })
}

fn forwarded(client: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        "x-forwarded-for".parse().unwrap(),
        HeaderValue::from_static(client),
    )])
}

fn none() -> HeaderMap {
    HeaderMap::new()
}

#[test]
fn connections_are_counted_per_peer_and_forgotten_when_they_end() {
    let limiter = limiter("--max-connections-per-peer 2");
    let first = connect(&limiter, "192.0.2.1:1").unwrap();
    let second = connect(&limiter, "192.0.2.1:2").unwrap();
    assert!(connect(&limiter, "192.0.2.1:3").is_none());
    assert!(connect(&limiter, "192.0.2.2:3").is_some());
    drop(second);
    assert!(connect(&limiter, "192.0.2.1:4").is_some());
    drop(first);
    let local: Vec<_> = (0..9)
        .filter_map(|_| connect(&limiter, "127.0.0.1:1"))
        .collect();
    assert_eq!(local.len(), 9, "the loopback is no peer");
}

#[tokio::test]
async fn connections_are_counted_as_long_as_they_live() {
    let limits = Line::parse_from(["serve", "--max-connections-per-peer", "2"]).limits;
    let limiter = ConnectionLimiter::new(limits, ByKind::new(|_| Schedule::new(1)));
    let held: Vec<_> = (1..=2)
        .filter_map(|port| connect(&limiter, &format!("192.0.2.1:{port}")))
        .collect();
    assert_eq!(held.len(), 2);
    limiter.forget().await;
    assert!(connect(&limiter, "192.0.2.1:3").is_none(), "another epoch");
    drop(held);
    assert!(connect(&limiter, "192.0.2.1:3").is_some());
    assert!(lock(&limiter.open).connections.is_empty());
}

#[test]
fn posts_of_a_peer_wait_in_one_class_and_those_of_others_in_others() {
    let limiter = limiter("--trusted-proxy 10.0.0.0/8");
    let class =
        |connection: &Connection, headers: &HeaderMap| connection.admit(headers, 1, 0).unwrap();
    let [a, b, c, local, proxy] = [
        "192.0.2.1:1",
        "192.0.2.1:2",
        "192.0.2.2:1",
        "127.0.0.1:1",
        "10.0.0.1:1",
    ]
    .map(|from| connect(&limiter, from).unwrap());
    assert_eq!(class(&a, &none()), class(&b, &none()));
    assert_eq!(class(&a, &none()), class(&a, &none()));
    let [first, second] = ["198.51.100.1:1", "198.51.100.2:1"].map(forwarded);
    let classes = [
        class(&a, &none()),
        class(&c, &none()),
        class(&local, &none()),
        class(&proxy, &first),
        class(&proxy, &second),
        class(&proxy, &none()),
    ];
    let distinct: std::collections::BTreeSet<_> = classes.iter().collect();
    assert_eq!(distinct.len(), classes.len());
    assert_eq!(class(&proxy, &forwarded("198.51.100.1:2")), classes[3]);
}

#[test]
fn cells_are_counted_per_connection_and_per_peer() {
    let limiter = limiter("--cells-per-connection 64 --cells-per-peer 100");
    let first = connect(&limiter, "192.0.2.1:1").unwrap();
    assert_eq!(first.admit(&none(), 64, 0).map(drop), Ok(()));
    assert_eq!(first.admit(&none(), 1, 0), Err(Wait { seconds: 1 }));
    let second = connect(&limiter, "192.0.2.1:2").unwrap();
    let wait = second.admit(&none(), 64, 0).unwrap_err();
    assert!((16..=17).contains(&wait.seconds), "{wait:?}");
    // The refusal by the peer's limit used up nothing of the connection's.
    assert_eq!(second.admit(&none(), 36, 0).map(drop), Ok(()));
    let other = connect(&limiter, "192.0.2.2:1").unwrap();
    assert_eq!(other.admit(&none(), 64, 0).map(drop), Ok(()));
    // Only a trusted proxy may name another client.
    assert!(first.admit(&forwarded("198.51.100.1"), 1, 0).is_err());
}

#[test]
fn the_lobby_takes_four_cells_per_connection_and_epoch() {
    let limiter = limiter("");
    for from in ["192.0.2.1:1", "127.0.0.1:1"] {
        let connection = connect(&limiter, from).unwrap();
        assert_eq!(connection.admit(&none(), 3, 3).map(drop), Ok(()));
        let wait = connection.admit(&none(), 2, 2).unwrap_err();
        assert!((1..=86_400).contains(&wait.seconds), "{wait:?}");
        assert_eq!(connection.admit(&none(), 64, 1).map(drop), Ok(()));
        assert!(connection.admit(&none(), 1, 1).is_err());
        assert_eq!(connection.admit(&none(), 1, 0).map(drop), Ok(()));
    }
    let connections: Vec<_> = (0..9)
        .filter_map(|_| connect(&limiter, "192.0.2.7:1"))
        .filter(|connection| connection.admit(&none(), 4, 4).is_ok())
        .collect();
    assert_eq!(connections.len() * 4, LOBBY_PER_PEER as usize);
}

#[test]
fn clients_behind_a_trusted_proxy_are_counted_separately() {
    let limiter = limiter(
        "--trusted-proxy 127.0.0.1,10.0.0.0/8 --cells-per-connection 64 --cells-per-peer 100",
    );
    let proxy = connect(&limiter, "127.0.0.1:1").unwrap();
    for client in ["198.51.100.1:1", "198.51.100.2:1", "2001:db8::1"] {
        assert_eq!(
            proxy.admit(&forwarded(client), 64, 0).map(drop),
            Ok(()),
            "{client}"
        );
        assert!(proxy.admit(&forwarded(client), 64, 0).is_err(), "{client}");
    }
    // The same peer from another port is another connection.
    assert_eq!(
        proxy.admit(&forwarded("198.51.100.1:2"), 36, 0).map(drop),
        Ok(())
    );
    assert!(proxy.admit(&forwarded("198.51.100.1:3"), 1, 0).is_err());
    // Without a named client there is one account for all.
    assert_eq!(proxy.admit(&none(), 64, 0).map(drop), Ok(()));
    assert!(proxy.admit(&forwarded("unknown"), 64, 0).is_err());
    let lobby = |client| proxy.admit(&forwarded(client), 4, 4).is_ok();
    assert!(lobby("203.0.113.1:1") && !lobby("203.0.113.1:1") && lobby("203.0.113.1:2"));
}

#[test]
fn the_number_of_accounts_is_bounded() {
    let mut peers = Peers {
        epoch: 0,
        keys: Keys::new(),
        known: HashMap::new(),
    };
    for number in 1..=MOST_PEERS as u128 + 10 {
        assert!(peers.get(number.to_be_bytes()).lobby.take(1, u32::MAX, 1));
    }
    assert_eq!(peers.known.len(), MOST_PEERS + 1);
}

#[tokio::test]
async fn accounts_are_discarded_at_the_end_of_the_epoch_without_traffic() {
    let limits = Line::parse_from(["serve"]).limits;
    let limiter = ConnectionLimiter::new(limits, ByKind::new(|_| Schedule::new(1)));
    let peer: Client = "192.0.2.1:1".parse().unwrap_or_else(|_| panic!());
    let connection = connect(&limiter, "192.0.2.1:1").unwrap();
    let before = lock(&limiter.peers).keys.peer(peer);
    limiter.forget().await;
    {
        let peers = lock(&limiter.peers);
        assert!(peers.known.is_empty());
        assert_ne!(peers.keys.peer(peer), before);
    }
    drop(connection);
    assert!(lock(&limiter.peers).known.is_empty());
}
