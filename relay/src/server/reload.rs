//! Files that may change while the relay runs: reloaded on SIGHUP, and when a
//! periodic check finds a change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use zeroize::Zeroizing;

use crate::files::{FileError, PathError};

/// How often the files are checked.
const LOOK: Duration = Duration::from_secs(10);

/// The contents of the files, in order.
type Contents = Vec<Zeroizing<Vec<u8>>>;

/// A value parsed from files.
pub(super) struct Watched<T> {
    paths: Vec<PathBuf>,
    parse: Parse<T>,
    contents: Contents,
    value: watch::Sender<Arc<T>>,
}

type Parse<T> = fn(&[Zeroizing<Vec<u8>>]) -> Result<T, String>;

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the files for the first time.
    pub(super) fn open(paths: Vec<PathBuf>, parse: Parse<T>) -> Result<Self, FileError> {
        let contents = read_all(&paths)?;
        let value = parse_files(&paths, &contents, parse)?;
        Ok(Self {
            paths,
            parse,
            contents,
            value: watch::Sender::new(Arc::new(value)),
        })
    }

    /// Subscribes to the value.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.value.subscribe()
    }

    /// Reloads the files when they change, until a stop signal. An invalid content
    /// is logged once, and the previous value is kept.
    pub(super) async fn keep(mut self, mut stop: watch::Receiver<bool>) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return;
        };
        let mut refused = None;
        loop {
            tokio::select! {
                _ = hangup.recv() => (),
                () = tokio::time::sleep(LOOK) => (),
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let error = self.look().err().map(|error| error.to_string());
            if let Some(error) = error.as_ref().filter(|_| refused != error) {
                tracing::error!("reload failed, keeping the previous value: {error}");
            }
            refused = error;
        }
    }

    fn look(&mut self) -> Result<(), FileError> {
        let contents = read_all(&self.paths)?;
        if contents == self.contents {
            return Ok(());
        }
        let value = parse_files(&self.paths, &contents, self.parse)?;
        self.contents = contents;
        self.value.send_replace(Arc::new(value));
        let path = self.paths.first().map(|path| path.display().to_string());
        tracing::info!(path, "reloaded");
        Ok(())
    }
}

/// Reads a file that may be secret.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let bytes = std::fs::read(path).map_err(PathError::at(path))?;
    Ok(Zeroizing::new(bytes))
}

fn read_all(paths: &[PathBuf]) -> Result<Contents, FileError> {
    paths.iter().map(|path| read(path)).collect()
}

fn parse_files<T>(
    paths: &[PathBuf],
    contents: &[Zeroizing<Vec<u8>>],
    parse: Parse<T>,
) -> Result<T, FileError> {
    let first = paths.first().map(PathBuf::as_path).unwrap_or("".as_ref());
    parse(contents).map_err(FileError::at(first))
}
