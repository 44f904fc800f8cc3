//! The configuration file: values for the flags of `serve`, by name. Errors contain keys
//! but no values.

use std::path::Path;

use clap::{ArgAction, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};

use crate::files::{FileError, PathError};

/// An error of the file's values that a flag found, or of a required one that is missing
/// everywhere.
pub(super) fn refused(path: &Path, error: &clap::Error) -> FileError {
    let reason = error.render().to_string();
    let reason = reason.strip_prefix("error: ").unwrap_or(&reason);
    FileError::at(path)(reason.trim_end().to_owned())
}

/// Converts the file's values into command-line arguments, except those that flags or
/// environment set, and those that the chosen command does not take.
pub(super) fn words(
    path: &Path,
    command: &Command,
    chosen: &ArgMatches,
) -> Result<Vec<String>, FileError> {
    let text = std::fs::read_to_string(path).map_err(PathError::at(path))?;
    let table: Result<Table, _> = text.parse();
    let invalid = FileError::at(path);
    let table = table.map_err(|error| invalid(reason(&text, &error)))?;
    let mut words = Vec::new();
    for (key, value) in table {
        let Some(flag) = flag(command, &key) else {
            return Err(invalid(format!("unknown key \"{key}\"")));
        };
        let Some(values) = texts(&value) else {
            return Err(invalid(format!(
                "\"{key}\" is neither text, number, true, false, nor a list of these"
            )));
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
