//! The cost of a setting in bytes and seconds, on an average day.

use serde::Serialize;
use tessera::wire::{BATCH_HEADER_LEN, MAX_WINDOW_LEN};

use super::args::{Assumptions, Setting};
use crate::{
    cover::{CoverRule, LOBBY_CELLS, PATIENCE},
    epoch::Schedule,
};

const DAY: f64 = 86_400.0;
const TAG_LEN: u8 = 16;
/// Looks of a client at the lobby when it starts, and batches that each takes
/// at most while nobody enrols (protocol §13).
const LOBBY_LOOKS: f64 = 3.0;
const LOBBY_BATCHES: f64 = 4.0;
/// Looks of a client that reads light when it starts, and the bitmaps of each for a
/// window and relay (protocol §13).
const LIGHT_LOOKS: f64 = 4.0;
const LIGHT_QUERIES: f64 = 8.0;
/// Bytes of a batch in an index: two values of 64 hexadecimal digits, the epoch
/// and the count.
const INDEX_ENTRY: f64 = 183.0;

/// Bytes, people and seconds of one setting. Means, unless named otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Number of buckets.
    pub buckets: u32,
    /// People per bucket: the anonymity set of a reader.
    pub people_per_bucket: f64,
    /// Length of an epoch.
    pub epoch_seconds: u32,
    /// Bytes of a cell.
    pub cell_bytes: u32,
    /// Cells posted to one bucket in one epoch, real cells and clients' cover.
    pub posted_cells_per_batch: f64,
    /// Share of slot entries that real cells take. Above 1, queues grow without bound.
    pub places_taken: f64,
    /// Upload of one slot of a client.
    pub upload_bytes_per_slot: f64,
    /// Cells of a batch, or of those of all publishers together.
    pub cells_per_batch: f64,
    /// The relay's cover in one bucket.
    pub cover_bytes_per_bucket_per_day: f64,
    /// Download of a reader from its bucket.
    pub download_bytes_per_reader_per_day: f64,
    /// The same with everybody's portal open for `open_hours_per_day`.
    pub download_bytes_per_reader_per_day_all_open: f64,
    /// Download of a reader after being offline.
    pub download_bytes_after_away: f64,
    /// Tags, bitmaps and sums of a reader that opens its portal once a day and reads
    /// light: download, and upload to both relays.
    pub light_bytes_per_reader_per_day: f64,
    /// The same after being offline.
    pub light_bytes_after_away: f64,
    /// Download from the lobby when a portal is opened, with its indexes.
    pub lobby_bytes_per_opening: f64,
    /// The same for each minute in which an enrolment is under way.
    pub lobby_bytes_per_minute_enrolling: f64,
    /// Batches of the lobby within its retention.
    pub lobby_disk_bytes: f64,
    /// From the answer to an invitation to the six digits on both screens: two
    /// cells through the lobby, each read within an epoch after its own.
    pub lobby_seconds_worst: f64,
    /// Upload of a portal that is open for `open_hours_per_day`.
    pub upload_bytes_per_reader_per_day: f64,
    /// All readers together, each reading all of its bucket.
    pub egress_bytes_per_day: f64,
    /// Batches of the numbered buckets within retention, without the database's own overhead.
    pub disk_bytes: f64,
    /// The same and the lobby, on all machines together.
    pub disk_bytes_all_copies: f64,
    /// Delay from writing to seeing a message of one cell, with both portals open.
    pub delay_seconds_median: f64,
    /// The maximum of this delay; with constant cover, for the maximum number of
    /// waiting cells.
    pub delay_seconds_worst: f64,
    /// The largest message.
    pub attachment: Attachment,
}

/// The cost of one message of the maximum size.
#[derive(Clone, Debug, Serialize)]
pub struct Attachment {
    /// Its size.
    pub bytes: u64,
    /// Its cells.
    pub cells: u32,
    /// Slots, and therefore epochs, in which its cells are sent.
    pub slots: u32,
    /// Upload of its sender if it is sent at once, in the same number of slots.
    pub upload_bytes_at_once: f64,
    /// Additional download of every reader if it is sent at once; in regular slots it
    /// replaces cover.
    pub download_bytes_at_once: f64,
}

impl Figures {
    pub(super) fn new(setting: &Setting, people: &Assumptions) -> Self {
        let config = &setting.config;
        let (cell, epoch) = (
            f64::from(config.cell_size.get()),
            f64::from(config.epoch.get()),
        );
        let buckets = f64::from(config.buckets.get());
        let epochs = DAY / epoch;
        let users = f64::from(people.users);
        let slot = f64::from(config.message.cells_per_bucket);

        // Real cells replace cover; only additional slots add cells.
        let at_once = f64::from(people.slots_at_once_per_day);
        let posted = |slots_per_user: f64| (users * slots_per_user + at_once) * slot / epochs;
        let places = posted(people.slots_per_user_per_day) * buckets * epochs;
        let real = 2.0 * f64::from(people.messages_per_day);
        let slots_open = 2.0 + f64::from(people.open_hours_per_day) * 3600.0 / epoch;
        let upload_bytes_per_slot = buckets * slot * (4.0 + cell);
        // Each publisher has a share of the posts, and all of the cover.
        let publishers = f64::from(people.publishers);
        let all_cells =
            |posted: f64| publishers * batch_cells(&setting.cover.rule, posted / publishers);
        let batch_bytes = |posted: f64| all_cells(posted) * cell + publishers * header();
        let normally = posted(people.slots_per_user_per_day);
        let per_day = batch_bytes(normally) * epochs;
        let light = |days: f64| {
            let cells = all_cells(normally) * epochs * days;
            light_bytes(cells, publishers * epochs * days, cell)
        };
        let away = f64::from(people.away_seconds.min(config.retention.get())) / DAY;

        let lobby = publishers * (f64::from(LOBBY_CELLS) * cell + header());
        let lobby_epoch = f64::from(config.lobby_epoch.get());
        let lobby_batches = f64::from(config.lobby_retention.get()) / lobby_epoch;
        let lobby_index = publishers * lobby_batches * INDEX_ENTRY;
        let people_per_bucket = users / buckets;
        let slots = config.message.slots(config.cell_size);
        let disk_bytes = per_day * buckets * f64::from(config.retention.get()) / DAY;
        let (delay_seconds_median, delay_seconds_worst) = delays(setting);
        Self {
            buckets: config.buckets.get(),
            people_per_bucket,
            epoch_seconds: config.epoch.get(),
            cell_bytes: config.cell_size.get(),
            posted_cells_per_batch: normally,
            places_taken: if real > 0.0 { real / places } else { 0.0 },
            upload_bytes_per_slot,
            cells_per_batch: all_cells(normally),
            cover_bytes_per_bucket_per_day: (all_cells(normally) - normally) * cell * epochs,
            download_bytes_per_reader_per_day: per_day,
            download_bytes_per_reader_per_day_all_open: batch_bytes(posted(slots_open)) * epochs,
            download_bytes_after_away: per_day * away,
            light_bytes_per_reader_per_day: light(1.0),
            light_bytes_after_away: light(away),
            lobby_bytes_per_opening: LOBBY_LOOKS * (lobby_index + LOBBY_BATCHES * lobby),
            lobby_bytes_per_minute_enrolling: 60.0 / lobby_epoch * (lobby_index + lobby),
            lobby_disk_bytes: lobby_batches * lobby,
            lobby_seconds_worst: 4.0 * lobby_epoch,
            upload_bytes_per_reader_per_day: slots_open * upload_bytes_per_slot,
            egress_bytes_per_day: per_day * users,
            disk_bytes,
            disk_bytes_all_copies: (disk_bytes + lobby_batches * lobby) * f64::from(people.copies),
            delay_seconds_median,
            delay_seconds_worst,
            attachment: Attachment {
                bytes: config.message.max.get(),
                cells: config.message.cells(config.cell_size),
                slots,
                upload_bytes_at_once: f64::from(slots) * upload_bytes_per_slot,
                download_bytes_at_once: f64::from(slots) * slot * cell,
            },
        }
    }
}

/// Bytes of light reading for a window with so many cells and batches: their tags
/// once, and bitmaps and sums for all looks and both relays.
fn light_bytes(cells: f64, batches: f64, cell: f64) -> f64 {
    let tag = f64::from(TAG_LEN);
    let tags = cells * tag + batches * (header() + 32.0);
    let windows = (cells * cell / MAX_WINDOW_LEN as f64).ceil().max(1.0);
    let sums = windows * LIGHT_QUERIES * (cell - tag);
    tags + LIGHT_LOOKS * 2.0 * (LIGHT_QUERIES * cells / 8.0 + sums)
}

/// Cells of a batch with this many posted cells.
fn batch_cells(rule: &CoverRule, posted: f64) -> f64 {
    match rule {
        CoverRule::Noise(noise) => posted + f64::from(noise.mean()),
        CoverRule::Fixed(cells) => posted + f64::from(*cells),
        // Surplus cells wait and make a later batch grow.
        CoverRule::Constant(cells) | CoverRule::FillTo(cells) => posted.max(f64::from(*cells)),
    }
}

/// Median and maximum delay in seconds. A message waits for the next slot, which is
/// at a random time in an epoch, then for the end of the epoch, then for the fixed
/// delay and for the reader's next pull. The sum of two uniform waits of up to an
/// epoch each has the epoch as its median.
fn delays(setting: &Setting) -> (f64, f64) {
    let epoch = f64::from(setting.config.epoch.get());
    let published = Schedule::new(setting.config.epoch.get())
        .delay()
        .as_secs_f64();
    // As in the package: 2 s, then up to 30 s at random.
    let (look, random) = ((epoch / 5.0).min(2.0), (epoch / 10.0).min(30.0));
    let waits = match setting.cover.rule {
        CoverRule::Constant(_) => epoch * f64::from(PATIENCE),
        _ => 0.0,
    };
    let after = published.max(look);
    (
        epoch + after + random / 2.0,
        2.0 * epoch + waits + after + random,
    )
}

#[expect(clippy::cast_precision_loss, reason = "192")]
const fn header() -> f64 {
    BATCH_HEADER_LEN as f64
}
