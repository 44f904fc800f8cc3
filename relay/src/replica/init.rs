//! The command `store`.

use clap::{Args, Subcommand};

use super::{ReplicaError, checks, open_state, servers, streams};
use crate::{
    config::{Config, ConfigError, Storage},
    files::PathError,
    server::log_options,
    store::{
        Kind,
        log::{
            LEVEL, Log as _, LogConfig, LogError, LogOpenError, StateDir, Stream, adopt,
            first_steps, initialize, nats::Nats, patiently, raise,
        },
        sqlite::{History, OpenError, check},
    },
};

/// Commands about a store that several relays share.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Create the streams of a new store, and the keys of its first member
    ///
    /// Takes the settings of `serve`, which every member then has to have. Needs credentials that
    /// may create streams; the relays' own may not. May be repeated until it succeeds.
    Init(Box<InitArgs>),
    /// Raise the level of a store, once every relay runs this version
    ///
    /// Relays write what an older version does not know only from then on. An older relay that still
    /// runs stops with LOG_NEWER; it loses nothing, and starts again once it is upgraded. Runs beside
    /// the relay of a member, with its flags. May be repeated.
    Raise(Box<RaiseArgs>),
}

/// Flags of `store raise`.
#[derive(Args, Clone, Debug)]
pub struct RaiseArgs {
    /// The settings, as for `serve`.
    #[command(flatten)]
    pub config: Config,
}

/// Flags of `store init`.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Number of NATS servers that hold each stream: 3, 5, or 1 for a trial
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = replicas)]
    pub replicas: u8,

    /// Move the store of one relay: sqlite://PATH. The relay must have stopped, after an epoch in which
    /// nobody posted. Signing key, chains and all batches are those of the new store; the file is
    /// renamed, and no relay may start on it or a copy of it again
    #[arg(long, value_name = "URL")]
    pub from: Option<Storage>,

    /// The settings.
    #[command(flatten)]
    pub config: Config,
}

impl StoreCommand {
    /// Runs the command; returns what it prints.
    ///
    /// # Errors
    ///
    /// One of [`ReplicaError`].
    pub async fn run(self) -> Result<String, ReplicaError> {
        match self {
            Self::Init(args) => init(&args).await,
            Self::Raise(args) => raise_store(&args.config).await,
        }
    }
}

/// Creates the store. The settings are written last but for the level, so until then it
/// may be repeated.
async fn init(args: &InitArgs) -> Result<String, ReplicaError> {
    let config = &args.config;
    config.check()?;
    let url = config.storage.url.log("replicas")?;
    servers::check(&config.nats.nats_monitor).await?;
    let log = checks::connect(url, &config.nats)?;
    let published = streams::name(&url.id, "P");
    if checks::find_if_any(&log, &published)
        .await?
        .is_some_and(|found| found.state.last_seq > 0)
    {
        return Err(ReplicaError::StoreExists(published));
    }
    let directory = config.nats.directory();
    let history = args.from.as_ref().map(|from| history(from, config));
    let history = history.transpose()?;
    let steps = match &history {
        Some(history) => first_steps(history).map_err(ReplicaError::MoveUnread)?,
        None => [1, 1],
    };
    let state = match (open_state(directory), &history) {
        (Err(ReplicaError::StateMissing(_)), Some(history)) => {
            StateDir::continuing(directory, history.seed(), steps)?
        }
        (Err(ReplicaError::StateMissing(_)), None) => StateDir::create(directory)?,
        (opened, _) => opened?,
    };
    let is_at = |kind, first| state.last_key(kind).is_some_and(|(step, _)| step == first);
    let is_other = history
        .as_ref()
        .is_some_and(|history| history.seed() != state.seed());
    if is_other || !is_at(Kind::Numbered, steps[0]) || !is_at(Kind::Lobby, steps[1]) {
        return Err(ReplicaError::StateExists(directory.to_owned()));
    }
    let origin = state.origin();
    let limits = checks::limits(config, args.replicas);
    for wanted in streams::configs(&url.id, &limits, origin) {
        let found = checks::create(&log, &wanted).await?;
        wanted.matches(&found.config)?;
        if found.state.last_seq > 0 {
            return Err(ReplicaError::StoreExists(wanted.name));
        }
    }
    let cover = config.cover.build().map_err(ConfigError::from)?;
    let settings = LogConfig::new(&log_options(config, &cover.rule)?);
    let mut moved = String::new();
    match history {
        None => write_settings(&log, &settings).await?,
        Some(history) => {
            let incomplete = |error| ReplicaError::MoveIncomplete {
                id: url.id.clone(),
                error,
            };
            // The new streams answer once they have leaders.
            let answered = patiently(async || log.info(Stream::Published).await).await;
            if let Err(error @ LogError::Unavailable) = answered {
                return Err(LogOpenError::Log(error).into());
            }
            adopt(&log, &settings, &history).await.map_err(incomplete)?;
            let path = args.from.as_ref().map(ToString::to_string);
            let path = path.unwrap_or_default();
            let retired = history.retire();
            retired.map_err(PathError::at(path.as_ref()))?;
            let closes = steps[0] + steps[1] - 2;
            moved = format!(" {closes} closes were moved from {path}, which has a new name.");
        }
    }
    raise_patiently(&log, &state).await?;
    Ok(format!(
        "store {} on {} servers, origin {origin}.{moved} Start the first relay with the same settings",
        url.id, args.replicas
    ))
}

/// Raises the level of a store that exists.
async fn raise_store(config: &Config) -> Result<String, ReplicaError> {
    config.check()?;
    let url = config.storage.url.log("state-dir")?;
    let (state, log) = checks::open(config, url).await?;
    raise_patiently(&log, &state).await?;
    Ok(format!(
        "store {} has level {LEVEL}: relays of versions that do not know it stop with LOG_NEWER",
        url.id
    ))
}

/// Writes the record again if there is no answer: a second one changes nothing.
async fn raise_patiently(log: &Nats, state: &StateDir) -> Result<(), LogOpenError> {
    let raised = patiently(async || raise(log, state.seed()).await).await;
    Ok(raised?)
}

/// Opens the store that is moved, in which no cell may wait.
fn history(from: &Storage, config: &Config) -> Result<History, ReplicaError> {
    let path = from.file().map_err(ReplicaError::MoveUnusable)?;
    let report = check(path).map_err(ReplicaError::MoveUnusable)?;
    if !report.findings.is_empty() || report.is_backup {
        return Err(ReplicaError::MoveUnusable(OpenError::Damaged(path.clone())));
    }
    let history = History::open(path, config.cell_size, config.buckets);
    let history = history.map_err(ReplicaError::MoveUnusable)?;
    match history.has_waiting().map_err(ReplicaError::MoveUnread)? {
        true => Err(ReplicaError::CellsWaiting(path.clone())),
        false => Ok(history),
    }
}

/// Writes the settings. A new stream answers once its leader is elected; a try without an
/// answer may have written them.
async fn write_settings(log: &Nats, settings: &LogConfig) -> Result<(), LogOpenError> {
    let mut is_unknown = false;
    let write = async || match initialize(log, settings).await {
        Err(LogError::Refused) if is_unknown => Ok(()),
        written => {
            is_unknown |= written == Err(LogError::Unavailable);
            written
        }
    };
    Ok(patiently(write).await?)
}

fn replicas(text: &str) -> Result<u8, &'static str> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err("1, 3 or 5"),
    }
}
