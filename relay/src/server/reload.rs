//! Files that may change while the relay runs: read again on SIGHUP, and
//! looked at now and then.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use zeroize::Zeroizing;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Bytes of the files, in their order.
type Contents = Vec<Zeroizing<Vec<u8>>>;

/// Why files are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// One cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is in it is not what it should be.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The first of the files.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A value made from files.
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
        let contents = read(&paths)?;
        let value = parse_files(&paths, &contents, parse)?;
        Ok(Self {
            paths,
            parse,
            contents,
            value: watch::Sender::new(Arc::new(value)),
        })
    }

    /// The value, now and later.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.value.subscribe()
    }

    /// Reads the files again and again until told to stop. What cannot be
    /// used is logged, once, and the value stays what it was.
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
        let contents = read(&self.paths)?;
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

fn read(paths: &[PathBuf]) -> Result<Contents, FileError> {
    let read = |path: &PathBuf| match std::fs::read(path) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(error) => Err(FileError::Read {
            path: path.clone(),
            error,
        }),
    };
    paths.iter().map(read).collect()
}

fn parse_files<T>(
    paths: &[PathBuf],
    contents: &[Zeroizing<Vec<u8>>],
    parse: Parse<T>,
) -> Result<T, FileError> {
    parse(contents).map_err(|reason| FileError::Content {
        path: paths
            .first()
            .map_or_else(PathBuf::new, |path| Path::to_owned(path)),
        reason,
    })
}
