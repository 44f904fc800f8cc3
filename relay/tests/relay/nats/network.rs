//! The network between servers: each connects to each other one through a link of this
//! process, which can be cut. A cut link is silent in both directions, as a network that
//! drops packets, and goes on where it was when it is healed.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

const LOOK: Duration = Duration::from_millis(50);

/// Answers shorter than this are not damaged.
const LONG: usize = 16 << 10;

/// What the threads of a link look at.
#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    has_ended: AtomicBool,
    /// Whether one bit of the next long answer is to change.
    damages: AtomicBool,
    damaged: AtomicU32,
}

/// A way to one server, for one other.
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Link {
    pub(crate) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let state = Arc::new(State::default());
        let of_thread = Arc::clone(&state);
        std::thread::spawn(move || {
            while !of_thread.has_ended.load(Ordering::Relaxed) {
                #[expect(clippy::disallowed_methods, reason = "a test's own link")]
                let accepted = listener.accept();
                match accepted {
                    Ok((near, _)) => connect(near, target, &of_thread),
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Self { address, state }
    }

    /// Changes one bit of the next long answer of the server; returns how many were
    /// changed so far.
    pub(crate) fn damage(&self) -> u32 {
        self.state.damages.store(true, Ordering::Relaxed);
        self.damaged()
    }

    /// How many answers were changed.
    pub(crate) fn damaged(&self) -> u32 {
        self.state.damaged.load(Ordering::Relaxed)
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.state.is_cut.store(is_cut, Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.has_ended.store(true, Ordering::Relaxed);
    }
}

fn connect(near: TcpStream, target: SocketAddr, state: &Arc<State>) {
    // A server that is down refuses, and so does the link.
    let Ok(far) = TcpStream::connect(target) else {
        return;
    };
    let streams = near.try_clone().and_then(|a| Ok((a, far.try_clone()?)));
    let Ok((near_again, far_again)) = streams else {
        return;
    };
    for (from, to, answers) in [(near, far, false), (far_again, near_again, true)] {
        let state = Arc::clone(state);
        std::thread::spawn(move || forward(from, to, answers, &state));
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, answers: bool, state: &State) {
    let mut buffer = vec![0; 64 << 10];
    let _ = from.set_nonblocking(false);
    let _ = from.set_read_timeout(Some(LOOK));
    let _ = to.set_nodelay(true);
    while !state.has_ended.load(Ordering::Relaxed) {
        if state.is_cut.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(count) if count > 0 => {
                if answers && count > LONG && state.damages.swap(false, Ordering::Relaxed) {
                    buffer[count / 2] ^= 1;
                    state.damaged.fetch_add(1, Ordering::Relaxed);
                }
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
