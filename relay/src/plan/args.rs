//! The flags of `plan`, and the settings they select.

use clap::{Args, Parser, ValueEnum};
use serde::Serialize;

use super::PlanError;
use crate::{
    Config,
    config::{Cover, Seconds},
};

/// Named settings, each as its differences from the defaults of `serve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// The defaults of `serve`
    Default,
    /// Less download, for readers on mobile networks: epsilon 1 per cell
    Phone,
    /// Batches of 512 cells
    Constant,
    /// One bucket: everyone hides everyone else, and downloads everything
    Small,
}

impl Profile {
    /// Its name, and the flags that differ.
    const fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Default => ("default", &[]),
            Self::Phone => ("phone", &["--cover-traffic-epsilon=1"]),
            Self::Constant => ("constant", &["--cover=constant", "--cover-cells=512"]),
            Self::Small => ("small", &["--buckets=1"]),
        }
    }
}

/// Kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// One SQLite file
    Sqlite,
    /// A replicated log
    Nats,
}

/// Servers that hold a replicated log.
const SERVERS: u32 = 3;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// People enrolled at this relay
    #[arg(long, value_name = "PEOPLE", value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,

    /// Messages per day, of all people together. Each counts as one cell, and one for its receipt
    #[arg(long, value_name = "MESSAGES")]
    pub messages_per_day: u32,

    /// Slots per person and day, on average over everyone enrolled: two whenever a portal is
    /// opened, and one per epoch while it stays open
    #[arg(long, default_value_t = 1.0, value_name = "SLOTS", value_parser = slots)]
    pub slots_per_user: f64,

    /// Additional slots per day, of all people together, for messages that are sent at once
    #[arg(long, default_value_t = 0, value_name = "SLOTS")]
    pub slots_at_once: u32,

    /// Hours per day that the most active reader's portal is open, 0 to 24
    #[arg(long, default_value_t = 8, value_name = "HOURS",
        value_parser = clap::value_parser!(u32).range(0..=24))]
    pub open_hours: u32,

    /// Short visits of one person per day, 1 to 100, for the privacy cost of a day and a year
    #[arg(long, default_value_t = 2, value_name = "VISITS",
        value_parser = clap::value_parser!(u32).range(1..=100))]
    pub person_openings: u32,

    /// Time offline, after which a reader catches up
    #[arg(long, default_value = "14d", value_name = "DURATION")]
    pub away: Seconds,

    /// The store: a file on one machine, or a log on three NATS servers that relays share
    #[arg(long, default_value = "sqlite", value_name = "STORE")]
    pub store: StoreKind,

    /// Number of relays that share a log, 1 to 16; with --store nats only [default: 2]
    #[arg(long, value_name = "RELAYS", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub relays: Option<u32>,

    /// Relays of a federation that publish batches, each with cover of its own
    #[arg(long, default_value_t = 1, value_name = "RELAYS",
        value_parser = clap::value_parser!(u32).range(1..=64))]
    pub publishers: u32,

    /// Setting to show; may be given several times. Default: all four, or only the one that the
    /// flags below describe
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<Profile>,

    /// Print JSON: bytes, seconds and people as numbers
    #[arg(long)]
    pub json: bool,

    /// The setting called `custom`.
    #[command(flatten)]
    pub custom: CustomSetting,
}

/// Flags of `serve` that a plan depends on, passed on unchanged.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Your own setting; units and defaults as for serve")]
pub struct CustomSetting {
    /// Number of buckets
    #[arg(long, value_name = "N")]
    pub buckets: Option<String>,

    /// Bytes of a cell
    #[arg(long, value_name = "BYTES")]
    pub cell_size: Option<String>,

    /// Length of an epoch
    #[arg(long, value_name = "DURATION")]
    pub epoch: Option<String>,

    /// Length of an epoch of the lobby
    #[arg(long, value_name = "DURATION")]
    pub lobby_epoch: Option<String>,

    /// How long batches are kept
    #[arg(long, value_name = "DURATION")]
    pub retention: Option<String>,

    /// Largest message
    #[arg(long, value_name = "SIZE")]
    pub max_message_size: Option<String>,

    /// Cells of a slot for each bucket
    #[arg(long, value_name = "CELLS")]
    pub cells_per_bucket: Option<String>,

    /// laplace, gaussian, constant or fixed
    #[arg(long, value_name = "MECHANISM")]
    pub cover: Option<String>,

    /// Epsilon of laplace or gaussian
    #[arg(long, value_name = "EPSILON")]
    pub cover_traffic_epsilon: Option<String>,

    /// Delta of laplace or gaussian
    #[arg(long, value_name = "DELTA")]
    pub cover_traffic_delta: Option<String>,

    /// Cells of one batch hidden together
    #[arg(long, value_name = "CELLS")]
    pub cover_traffic_sensitivity: Option<String>,

    /// Batches hidden together, with gaussian
    #[arg(long, value_name = "BATCHES")]
    pub cover_traffic_batches: Option<String>,

    /// Cells of a batch, with constant or fixed
    #[arg(long, value_name = "CELLS")]
    pub cover_cells: Option<String>,
}

impl CustomSetting {
    fn words(&self) -> Vec<String> {
        [
            ("buckets", &self.buckets),
            ("cell-size", &self.cell_size),
            ("epoch", &self.epoch),
            ("lobby-epoch", &self.lobby_epoch),
            ("retention", &self.retention),
            ("max-message-size", &self.max_message_size),
            ("cells-per-bucket", &self.cells_per_bucket),
            ("cover", &self.cover),
            ("cover-traffic-epsilon", &self.cover_traffic_epsilon),
            ("cover-traffic-delta", &self.cover_traffic_delta),
            ("cover-traffic-sensitivity", &self.cover_traffic_sensitivity),
            ("cover-traffic-batches", &self.cover_traffic_batches),
            ("cover-cells", &self.cover_cells),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some(format!("--{flag}={}", value.as_ref()?)))
        .collect()
    }
}

/// The assumptions about people.
#[derive(Clone, Debug, Serialize)]
pub struct Assumptions {
    /// Number of people.
    pub users: u32,
    /// Messages of all people together.
    pub messages_per_day: u32,
    /// Slots of one person, on average.
    pub slots_per_user_per_day: f64,
    /// Hours per day that the most active reader's portal is open.
    pub open_hours_per_day: u32,
    /// Short visits of one person.
    pub person_openings_per_day: u32,
    /// Slots for messages that are sent at once, of all people together.
    pub slots_at_once_per_day: u32,
    /// Time offline.
    pub away_seconds: u32,
    /// Copies of every batch: one, or one of each server of the log and each relay.
    pub copies: u32,
    /// Relays that publish batches.
    pub publishers: u32,
}

/// A setting of a relay.
#[derive(Clone, Debug)]
pub struct Setting {
    /// A profile's name, or `custom`.
    pub name: &'static str,
    /// The full configuration; its store is never opened.
    pub config: Config,
    /// Its cover.
    pub cover: Cover,
}

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Serve {
    #[command(flatten)]
    config: Config,
}

impl Setting {
    /// Parses these arguments as `serve` does.
    fn new(name: &'static str, words: &[String]) -> Result<Self, PlanError> {
        let named = |reason: String| PlanError { name, reason };
        let storage = "--storage=sqlite://none".to_owned();
        let serve = Serve::try_parse_from([storage].iter().chain(words));
        let config = serve.map_err(|error| named(reason(&error)))?.config;
        config.check().map_err(|error| named(error.to_string()))?;
        let cover = config
            .cover
            .build()
            .map_err(|error| named(error.to_string()))?;
        Ok(Self {
            name,
            config,
            cover,
        })
    }
}

impl PlanArgs {
    pub(super) fn assumptions(&self) -> Assumptions {
        Assumptions {
            users: self.users,
            messages_per_day: self.messages_per_day,
            slots_per_user_per_day: self.slots_per_user,
            open_hours_per_day: self.open_hours,
            person_openings_per_day: self.person_openings,
            slots_at_once_per_day: self.slots_at_once,
            away_seconds: self.away.get(),
            copies: match self.store {
                StoreKind::Sqlite => 1,
                StoreKind::Nats => SERVERS + self.relays.unwrap_or(2),
            },
            publishers: self.publishers,
        }
    }

    /// The selected settings, all valid.
    pub(super) fn settings(&self) -> Result<Vec<Setting>, PlanError> {
        if self.store == StoreKind::Sqlite && self.relays.is_some() {
            return Err(PlanError {
                name: "--relays",
                reason: "only with --store nats".to_owned(),
            });
        }
        let mut all = Vec::new();
        let custom = self.custom.words();
        if !custom.is_empty() {
            all.push(Setting::new("custom", &custom)?);
        }
        let profiles = if custom.is_empty() && self.profiles.is_empty() {
            Profile::value_variants()
        } else {
            self.profiles.as_slice()
        };
        for profile in profiles {
            let (name, words) = profile.words();
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            all.push(Setting::new(name, &words)?);
        }
        Ok(all)
    }
}

/// The error message without the usage of another command.
fn reason(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first
        .strip_prefix("error: ")
        .unwrap_or(first)
        .trim_end()
        .to_owned()
}

fn slots(text: &str) -> Result<f64, &'static str> {
    let slots: f64 = text.parse().map_err(|_| "not a number")?;
    if (0.0..=100_000.0).contains(&slots) {
        Ok(slots)
    } else {
        Err("from 0 to 100000")
    }
}
