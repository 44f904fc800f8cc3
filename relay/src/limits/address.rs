//! Client addresses: read, converted into a [`Key`], and discarded.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ipnet::IpNet;
use sha2::Sha256;
use tessera::base::secret::Secret;

use crate::random;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// A MAC of a peer or one of its connections. After the MAC key is discarded,
/// nothing leads back to the address.
pub(super) type Key = [u8; 16];

/// Computes [`Key`]s for one epoch, or for the connections of one process.
#[derive(Debug)]
pub(super) struct Keys(Secret<32>);

impl Keys {
    pub(super) fn new() -> Self {
        Self(Secret::random(&mut random::system()))
    }

    /// The key of all clients that share an IPv4 address or an IPv6 /64.
    pub(super) fn peer(&self, client: Client) -> Key {
        self.mac(0, client.ip, 0)
    }

    /// The key of one connection of a peer, if the proxy states its port.
    pub(super) fn connection(&self, client: Client) -> Option<Key> {
        Some(self.mac(1, client.ip, client.port?))
    }

    /// Converts a key of another key set.
    pub(super) fn of(&self, key: Key) -> Key {
        self.mac_of(&[&[2], &key])
    }

    fn mac(&self, domain: u8, ip: IpAddr, port: u16) -> Key {
        let prefix = match ip.to_canonical() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => u64::try_from(ip.to_bits() >> 64).unwrap_or_default(),
        };
        let family = u8::from(ip.to_canonical().is_ipv4());
        self.mac_of(&[
            &[domain, family],
            &prefix.to_be_bytes(),
            &port.to_be_bytes(),
        ])
    }

    /// The first part determines the lengths of the others.
    fn mac_of(&self, parts: &[&[u8]]) -> Key {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("a key");
        for part in parts {
            mac.update(part);
        }
        let mac = mac.finalize().into_bytes();
        *mac.first_chunk().unwrap_or(&Key::default())
    }
}

/// An address that is to become a [`Key`]. It has no `Debug`, so that it is never
/// logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    ip: IpAddr,
    port: Option<u16>,
}

impl From<SocketAddr> for Client {
    fn from(address: SocketAddr) -> Self {
        Self {
            ip: address.ip(),
            port: Some(address.port()),
        }
    }
}

impl Client {
    /// Returns `true` for the loopback: an undeclared proxy or a test, for which
    /// limits per peer are meaningless.
    pub(super) fn is_local(self) -> bool {
        self.ip.to_canonical().is_loopback()
    }

    pub(super) fn is_in(self, networks: &[IpNet]) -> bool {
        let ip = self.ip.to_canonical();
        networks.iter().any(|network| network.contains(&ip))
    }

    /// The client of a trusted proxy: the rightmost address of `X-Forwarded-For`
    /// that is not a trusted proxy itself.
    pub(super) fn forwarded(headers: &HeaderMap, trusted: &[IpNet]) -> Option<Self> {
        let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for value in values.into_iter().rev() {
            for text in value.to_str().ok()?.rsplit(',') {
                let client: Self = text.trim().parse().ok()?;
                if !client.is_in(trusted) {
                    return Some(client);
                }
            }
        }
        None
    }
}

/// `192.0.2.1`, `192.0.2.1:50000`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:50000`.
impl FromStr for Client {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        let ip = bare.parse()?;
        Ok(Self { ip, port: None })
    }
}

/// `10.0.0.0/8`, or a single address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let refused = || "an address or a network: 10.0.0.7, 10.0.0.0/8, fd00::/8".to_owned();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    fn forwarded(values: &[&str], trusted: &[&str]) -> Option<Client> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<_> = trusted.iter().map(|text| network(text).unwrap()).collect();
        Client::forwarded(&headers, &trusted)
    }

    #[test]
    fn invalid_addresses_are_ignored() {
        for value in [
            "",
            "unknown",
            "_hidden",
            "1.2.3",
            "[::1",
            "1.2.3.4:70000",
            "1.2.3.4, x",
        ] {
            assert!(forwarded(&[value], &[]).is_none(), "{value}");
        }
        assert!(forwarded(&[], &[]).is_none());
        assert!(forwarded(&["10.0.0.1"], &["10.0.0.0/8"]).is_none());
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_rightmost_untrusted_address_is_the_client() {
        let trusted = ["10.0.0.0/8", "fd00::1"];
        for (values, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            (
                &["6.6.6.6, 198.51.100.1 , 10.1.2.3, fd00::1"],
                "198.51.100.1",
            ),
            (&["6.6.6.6", "198.51.100.1", "10.0.0.1"], "198.51.100.1"),
            (&["not one, 198.51.100.1:5000"], "198.51.100.1:5000"),
            (&["[2001:db8::1]:5000"], "[2001:db8::1]:5000"),
            (&["[2001:db8::1]"], "2001:db8::1"),
        ] {
            assert!(
                forwarded(values, &trusted) == Some(client(expected)),
                "{values:?}"
            );
        }
    }

    #[test]
    fn keys_are_per_prefix_and_epoch() {
        let keys = Keys::new();
        let same = |a, b| keys.peer(client(a)) == keys.peer(client(b));
        assert!(same("192.0.2.1:1", "192.0.2.1:2"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("2001:db8::1", "2001:db8::ffff:2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        let connection = |text| keys.connection(client(text));
        assert_eq!(connection("192.0.2.1"), None);
        assert_ne!(connection("192.0.2.1:1"), connection("192.0.2.1:2"));
        assert_ne!(
            connection("192.0.2.1:0"),
            Some(keys.peer(client("192.0.2.1")))
        );
        let peer = client("192.0.2.1");
        assert_ne!(keys.peer(peer), Keys::new().peer(peer), "another epoch");
    }
}
