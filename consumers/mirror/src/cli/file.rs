//! The configuration file: values of options that neither the command line nor the environment gives.
//!
//! They become the options' defaults, and so the parser itself sees to the precedence. Keys are the options' long names;
//! those that belong to one call, such as `--repair`, have no place in a file. What only another verb knows is let be.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

const OPTION: &str = "config";
const VARIABLE: &str = "MIRROR_CONFIG";

/// Gives the options the file's values as defaults, where a file is named.
pub(crate) fn defaults(command: Command, arguments: &[OsString]) -> Result<Command, clap::Error> {
    let Some(path) = path(arguments) else { return Ok(command) };
    let mut fails = command.clone();
    let mut fault = |rule: String| {
        fails.error(ErrorKind::InvalidValue, format!("configuration file {}: {rule}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| fault(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    let values = values(&table).map_err(&mut fault)?;
    set(command, values).map_err(fault)
}

fn path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.to_str() else { continue };
        if text == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

type Values = BTreeMap<String, Vec<String>>;

/// Every key's values as an option would have them; a table's are `NAME=VALUE`.
fn values(table: &Table) -> Result<Values, String> {
    let entry = |(key, value): (&String, &Value)| {
        let values = match value {
            Value::Array(items) => items.iter().map(|item| scalar(key, item)).collect::<Result<_, _>>()?,
            Value::Table(items) => items
                .iter()
                .map(|(name, item)| Ok(format!("{name}={}", scalar(key, item)?)))
                .collect::<Result<_, String>>()?,
            value => vec![scalar(key, value)?],
        };
        Ok((key.clone(), values))
    };
    table.iter().map(entry).collect()
}

fn scalar(key: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is_so) => Ok(is_so.to_string()),
        _ => Err(format!("{key} must be a text, a number, true or false, or a list of them")),
    }
}

fn set(mut command: Command, values: Values) -> Result<Command, String> {
    for (key, values) in values {
        let takes = |command: &Command| {
            command
                .get_arguments()
                .find(|argument| is_for_files(argument, &key))
                .map(|argument| argument.get_id().clone())
        };
        let is_list = |argument: &Arg| matches!(argument.get_action(), ArgAction::Append);
        let all =
            || command.get_subcommands().flat_map(Command::get_arguments).chain(command.get_arguments());
        if values.len() != 1 && all().any(|argument| is_for_files(argument, &key) && !is_list(argument)) {
            return Err(format!("{key} takes one value"));
        }
        let set = |argument: Arg| argument.required(false).default_values(values.clone());
        let mut is_known = false;
        if let Some(id) = takes(&command) {
            is_known = true;
            command = command.mut_arg(id, set);
        }
        let verbs: Vec<_> = command
            .get_subcommands()
            .filter_map(|verb| Some((verb.get_name().to_owned(), takes(verb)?)))
            .collect();
        for (verb, id) in verbs {
            is_known = true;
            command = command.mut_subcommand(verb, |verb| verb.mut_arg(id, set));
        }
        if !is_known {
            return Err(format!(
                "{key} is not known; keys are the long names of options that have a variable"
            ));
        }
    }
    Ok(command)
}

fn is_for_files(argument: &Arg, key: &str) -> bool {
    argument.get_long() == Some(key) && argument.get_env().is_some() && key != OPTION
}
