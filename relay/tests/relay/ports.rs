//! Ports for processes that a test starts, stops and starts again. They are below the
//! range from which the system takes the ports of outgoing connections: otherwise a
//! connection of another test could take one while nobody listens on it, or a client
//! that tries again could reach itself.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

const FIRST: u16 = 10_240;
const COUNT: u16 = 20_000;

static USED: AtomicU16 = AtomicU16::new(0);

/// A free port of the loopback that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    free_ports(1, |_| true)
}

/// The same, with its address.
pub(crate) fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// The first of `count` ports; those that are `needed` are free.
pub(crate) fn free_ports(count: u16, needed: impl Fn(u16) -> bool) -> u16 {
    // Two runs at the same time begin elsewhere.
    let own = (std::process::id() % 97) as u16 * 200;
    for _ in 0..COUNT {
        let at = USED.fetch_add(count, Ordering::Relaxed).wrapping_add(own);
        let first = FIRST + at % COUNT;
        let is_free = |more: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, first + more)).is_ok();
        if (0..count).filter(|more| needed(*more)).all(is_free) {
            return first;
        }
    }
    panic!("no free port");
}
