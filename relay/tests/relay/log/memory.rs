//! A log in memory, with the faults of a real one: messages that are lost,
//! acknowledgements that are lost, messages that arrive late, replicas that are
//! behind, a full stream. Its choices are reproducible from a seed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tessera_relay::{
    epoch::unix_time,
    store::log::{Item, Log, LogError, Message, Stream, StreamInfo, Subject},
};
use tokio::{sync::watch, time::sleep};

use crate::cover::Dice;

/// How often each fault happens, in 1000 calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// A publication that does not arrive.
    pub(crate) lost: u64,
    /// One that arrives without an acknowledgement.
    pub(crate) unacknowledged: u64,
    /// One that arrives after its author gave up.
    pub(crate) late: u64,
    /// A read from a replica that is behind.
    pub(crate) behind: u64,
    /// A read or purge that fails.
    pub(crate) failed: u64,
    /// Maximum delay of any call in milliseconds.
    pub(crate) delay: u64,
}

impl Faults {
    pub(crate) const MANY: Self = Self {
        lost: 60,
        unacknowledged: 60,
        late: 60,
        behind: 200,
        failed: 60,
        delay: 4,
    };
}

#[derive(Default)]
struct Content {
    messages: BTreeMap<u64, Message>,
    last: u64,
    bytes: u64,
}

/// The servers.
pub(crate) struct Servers {
    streams: Mutex<BTreeMap<Stream, Content>>,
    faults: Mutex<(Faults, Dice)>,
    max_bytes: Mutex<u64>,
    kicks: watch::Sender<u64>,
}

impl Servers {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            streams: Mutex::default(),
            faults: Mutex::new((Faults::default(), Dice(seed))),
            max_bytes: Mutex::new(0),
            kicks: watch::Sender::new(0),
        })
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.faults.lock().unwrap().0 = faults;
    }

    /// Limits each stream to this size; 0 is no limit.
    pub(crate) fn set_max_bytes(&self, bytes: u64) {
        *self.max_bytes.lock().unwrap() = bytes;
    }

    /// The connection of one process.
    pub(crate) fn connect(self: &Arc<Self>) -> MemoryLog {
        MemoryLog {
            servers: Arc::clone(self),
            frozen: Arc::new(watch::Sender::new(false)),
            garbled: Arc::default(),
            kicked: Arc::new(tokio::sync::Mutex::new(self.kicks.subscribe())),
        }
    }

    pub(crate) fn messages(&self, stream: Stream) -> Vec<Message> {
        let streams = self.streams();
        let content = streams.get(&stream);
        content.map_or(Vec::new(), |content| {
            content.messages.values().cloned().collect()
        })
    }

    /// Loses a message, as a log must not.
    pub(crate) fn lose(&self, stream: Stream, seq: u64) {
        let mut streams = self.streams();
        streams.get_mut(&stream).unwrap().messages.remove(&seq);
    }

    /// Deletes the messages before a sequence, as the retention does.
    pub(crate) fn expire(&self, stream: Stream, before: u64) {
        let mut streams = self.streams();
        let content = streams.entry(stream).or_default();
        content.messages = content.messages.split_off(&before);
        content.bytes = content
            .messages
            .values()
            .map(|of| of.bytes.len() as u64)
            .sum();
    }

    /// Appends the last marker of a stream again, as a process that was stopped does.
    pub(crate) fn repeat_marker(&self, stream: Stream) {
        let messages = self.messages(stream);
        let is_marker = |message: &&Message| message.subject.item == Item::Marker;
        if let Some(marker) = messages.iter().rev().find(is_marker) {
            let _ = self.append(marker.subject, marker.bytes.clone());
        }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<Stream, Content>> {
        self.streams.lock().unwrap()
    }

    /// Appends a message to any stream, as a newer version may.
    pub(crate) fn append_to(&self, stream: Stream, subject: Subject, bytes: Vec<u8>) {
        self.store(stream, subject, bytes).unwrap();
    }

    fn append(&self, subject: Subject, bytes: Vec<u8>) -> Result<u64, LogError> {
        self.store(subject.stream(), subject, bytes)
    }

    fn store(&self, stream: Stream, subject: Subject, bytes: Vec<u8>) -> Result<u64, LogError> {
        let most = *self.max_bytes.lock().unwrap();
        let mut streams = self.streams();
        let content = streams.entry(stream).or_default();
        if most > 0 && content.bytes + bytes.len() as u64 > most {
            return Err(LogError::Full);
        }
        content.last += 1;
        content.bytes += bytes.len() as u64;
        let (seq, at) = (content.last, unix_time().0);
        let message = Message {
            seq,
            subject,
            at,
            bytes,
        };
        content.messages.insert(seq, message);
        Ok(seq)
    }

    /// Draws the delay of a call, and one number below 1000.
    fn draw(&self) -> (Faults, Duration, u64) {
        let (faults, dice) = &mut *self.faults.lock().unwrap();
        let delay = Duration::from_millis(dice.below(faults.delay + 1));
        (*faults, delay, dice.below(1000))
    }
}

#[derive(Clone)]
pub(crate) struct MemoryLog {
    servers: Arc<Servers>,
    frozen: Arc<watch::Sender<bool>>,
    garbled: Arc<Mutex<Vec<(Stream, u64)>>>,
    kicked: Arc<tokio::sync::Mutex<watch::Receiver<u64>>>,
}

impl std::fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryLog")
    }
}

impl MemoryLog {
    /// Stops or continues the process at its next call, as SIGSTOP and SIGCONT do.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Lets this process read something else in place of a message, as from a
    /// replica whose disk is damaged.
    pub(crate) fn garble(&self, stream: Stream, seq: u64) {
        self.garbled.lock().unwrap().push((stream, seq));
    }

    async fn wait(&self, delay: Duration) {
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let mut frozen = self.frozen.subscribe();
        let _ = frozen.wait_for(|frozen| !*frozen).await;
    }
}

impl Log for MemoryLog {
    async fn publish(&self, subject: Subject, bytes: Vec<u8>) -> Result<u64, LogError> {
        let (faults, delay, draw) = self.servers.draw();
        self.wait(delay).await;
        let lost = faults.lost;
        let unacknowledged = lost + faults.unacknowledged;
        let late = unacknowledged + faults.late;
        match draw {
            draw if draw < lost => Err(LogError::Unavailable),
            draw if draw < unacknowledged => {
                self.servers.append(subject, bytes)?;
                Err(LogError::Unavailable)
            }
            draw if draw < late => {
                let servers = Arc::clone(&self.servers);
                let after = Duration::from_millis(10 * (1 + draw % 30));
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = servers.append(subject, bytes);
                });
                Err(LogError::Unavailable)
            }
            _ => self.servers.append(subject, bytes),
        }
    }

    async fn read(&self, stream: Stream, from: u64) -> Result<Vec<Message>, LogError> {
        let (faults, delay, draw) = self.servers.draw();
        self.wait(delay).await;
        if draw < faults.failed {
            return Err(LogError::Unavailable);
        }
        let is_behind = draw < faults.failed + faults.behind;
        let streams = self.servers.streams();
        let Some(content) = streams.get(&stream) else {
            return Ok(Vec::new());
        };
        let through = content.last - if is_behind { draw % 5 } else { 0 }.min(content.last);
        let range = content.messages.range(from..).take(256);
        let garbled = self.garbled.lock().unwrap();
        let read = range.map(|(seq, message)| {
            let mut message = message.clone();
            if garbled.contains(&(stream, *seq)) {
                message.bytes.fill(7);
            }
            message
        });
        Ok(read.filter(|message| message.seq <= through).collect())
    }

    async fn purge(&self, stream: Stream, before: u64) -> Result<(), LogError> {
        let (faults, delay, draw) = self.servers.draw();
        self.wait(delay).await;
        if draw < faults.failed {
            return Err(LogError::Unavailable);
        }
        self.servers.expire(stream, before);
        Ok(())
    }

    async fn info(&self, stream: Stream) -> Result<StreamInfo, LogError> {
        self.wait(Duration::ZERO).await;
        let streams = self.servers.streams();
        let content = streams.get(&stream);
        let last = content.map_or(0, |content| content.last);
        let first = content.and_then(|content| content.messages.keys().next().copied());
        Ok(StreamInfo {
            first: first.unwrap_or(last + 1),
            last,
            bytes: content.map_or(0, |content| content.bytes),
            max_bytes: *self.servers.max_bytes.lock().unwrap(),
        })
    }

    async fn kick(&self) {
        self.servers.kicks.send_modify(|kicks| *kicks += 1);
    }

    async fn kicked(&self) {
        let _ = self.kicked.lock().await.changed().await;
    }
}

/// Completes when a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..30_000 {
        if holds().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}
