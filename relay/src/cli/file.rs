//! The configuration file: values for the flags of `serve`, by name.

use std::path::{Path, PathBuf};

use clap::{ArgAction, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};

use crate::files::PathError;

/// Why a configuration file is refused. Contains keys but no values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] PathError),
    /// Not TOML.
    #[error("{}: {reason}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A key that is not a flag.
    #[error("{}: unknown key \"{key}\"", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value that is a table or a date.
    #[error("{}: \"{key}\" is neither text, number, true, false, nor a list of these", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value that its flag refuses, or a required value that is missing everywhere.
    #[error("{}: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The error of the flag.
        reason: String,
    },
}

impl FileError {
    pub(super) fn value(path: &Path, error: clap::Error) -> Self {
        let reason = error.render().to_string();
        Self::Value {
            path: path.to_owned(),
            reason: reason
                .strip_prefix("error: ")
                .unwrap_or(&reason)
                .trim_end()
                .to_owned(),
        }
    }
}

/// Converts the file's values into command-line arguments, except those that flags or
/// environment set, and those that the chosen command does not take.
pub(super) fn words(
    path: &Path,
    command: &Command,
    chosen: &ArgMatches,
) -> Result<Vec<String>, FileError> {
    let text = std::fs::read_to_string(path).map_err(PathError::at(path))?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| FileError::Form {
            path: path.to_owned(),
            reason: reason(&text, &error),
        })?;
    let mut words = Vec::new();
    for (key, value) in table {
        let Some(flag) = flag(command, &key) else {
            let path = path.to_owned();
            return Err(FileError::Unknown { path, key });
        };
        let Some(values) = texts(&value) else {
            let path = path.to_owned();
            return Err(FileError::Kind { path, key });
        };
        if is_given(chosen, flag.get_id().as_str()) {
            continue;
        }
        match flag.get_action() {
            ArgAction::SetTrue if values == ["true"] => words.push(format!("--{key}")),
            ArgAction::SetTrue if values == ["false"] => (),
            _ => words.extend(values.iter().map(|value| format!("--{key}={value}"))),
        }
    }
    Ok(words)
}

/// Finds the flag of `serve`, or of every command, for a key of the file.
fn flag<'a>(command: &'a Command, key: &str) -> Option<&'a clap::Arg> {
    let serve = command.find_subcommand("serve")?;
    let is_named = |arg: &&clap::Arg| arg.get_long() == Some(key);
    let arg = command
        .get_arguments()
        .chain(serve.get_arguments())
        .find(is_named)?;
    (arg.get_id() != "config").then_some(arg)
}

/// Returns `true` if the flag was given, or the chosen command does not have it.
fn is_given(chosen: &ArgMatches, id: &str) -> bool {
    match chosen.try_contains_id(id) {
        Ok(_) => matches!(
            chosen.value_source(id),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        ),
        Err(_) => true,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => Some(vec![text(value)?]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(is) => Some(is.to_string()),
        Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    }
}

/// Formats an error with its line, without the content of the line.
fn reason(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    format!("line {line}: {}", error.message())
}
