//! The address of a server: a URL, with what it leaves out taken from a service file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::{Roots, Tls, Verify};
use super::{password, service};
use crate::error::PostgresError;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// What the driver does not know, or knows otherwise.
const OURS: [&str; 4] = ["service", "passfile", "sslmode", "sslrootcert"];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be silent before the network is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long it may take to answer, and how often it is asked.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent bytes may stay without an answer of the network.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that a connection is made with.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Option<Tls>,
}

/// Refuses an address that is no URL of PostgreSQL, or that holds a password.
pub(crate) fn check(url: &str) -> Result<(), PostgresError> {
    let (config, parameters) = parse(url)?;
    if config.get_password().is_some() {
        return Err(PostgresError::address(
            "it holds a password, which others can read there; put it into a file and name that",
        ));
    }
    Tls::new(parameters.get("sslmode").map(String::as_str), None).map(|_| ())
}

/// Reads the files that the address names.
pub(crate) fn resolve(url: &str, password_file: Option<&Path>) -> Result<Target, PostgresError> {
    let (mut config, mut parameters) = parse(url)?;
    if let Some(name) = parameters.remove("service") {
        let section = service::find(&name)?;
        let (defaults, more) = from_service(&name, &section)?;
        complete(&mut config, &defaults);
        for (key, value) in more {
            parameters.entry(key).or_insert(value);
        }
    }
    let get = |key: &str| parameters.get(key).map(String::as_str);
    let roots = get("sslrootcert").map(Roots::new);
    let tls = Tls::new(get("sslmode"), roots)?;
    let ssl_mode = match &tls {
        None => SslMode::Disable,
        Some(tls) if tls.verify == Verify::Prefer => SslMode::Prefer,
        Some(_) => SslMode::Require,
    };
    config.ssl_mode(ssl_mode).tcp_user_timeout(USER_TIMEOUT);
    config
        .keepalives_idle(KEEPALIVE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("mirror-postgres");
    }
    if let Some(password) = password::find(&config, password_file, get("passfile"))? {
        config.password(password);
    }
    Ok(Target { config, tls })
}

/// The driver's settings, and the parameters that are ours.
fn parse(url: &str) -> Result<(Config, BTreeMap<String, String>), PostgresError> {
    if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
        return Err(PostgresError::address("it does not begin with postgres://"));
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters = BTreeMap::new();
    let mut rest = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some((name, value)) if OURS.contains(&name) => {
                parameters.insert(name.to_owned(), unescape(value)?);
            }
            _ => rest.push(parameter),
        }
    }
    let config = format!("{base}?{}", rest.join("&"))
        .parse()
        .map_err(|error| PostgresError::address(rule_of(&error)))?;
    Ok((config, parameters))
}

/// What the driver holds against it. It names parameters, never their values.
fn rule_of(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    cause.unwrap_or_else(|| error.to_string())
}

fn unescape(text: &str) -> Result<String, PostgresError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = rest.split_at_checked(2).and_then(|(digits, after)| {
            rest = after;
            u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
        });
        bytes.push(digits.ok_or_else(|| PostgresError::address("a % is not followed by two hex digits"))?);
    }
    String::from_utf8(bytes).map_err(|_| PostgresError::address("it is not UTF-8"))
}

type Parameters = BTreeMap<String, String>;

/// A section's settings, and the parameters that are ours.
fn from_service(name: &str, section: &Parameters) -> Result<(Config, Parameters), PostgresError> {
    let mut rest = String::new();
    let mut ours = BTreeMap::new();
    for (key, value) in section {
        if OURS.contains(&key.as_str()) {
            ours.insert(key.clone(), value.clone());
        } else {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            rest = format!("{rest} {key}='{value}'");
        }
    }
    let config = rest
        .parse()
        .map_err(|error| PostgresError::address(format!("service {name}: {}", rule_of(&error))))?;
    Ok((config, ours))
}

/// Takes over what was not said.
fn complete(config: &mut Config, defaults: &Config) {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        for host in defaults.get_hosts() {
            match host {
                Host::Tcp(name) => config.host(name),
                Host::Unix(path) => config.host_path(path),
            };
        }
        for address in defaults.get_hostaddrs() {
            config.hostaddr(*address);
        }
    }
    if config.get_ports().is_empty() {
        for port in defaults.get_ports() {
            config.port(*port);
        }
    }
    if let (None, Some(user)) = (config.get_user(), defaults.get_user()) {
        config.user(user);
    }
    if let (None, Some(name)) = (config.get_dbname(), defaults.get_dbname()) {
        config.dbname(name);
    }
    if let (None, Some(password)) = (config.get_password(), defaults.get_password()) {
        config.password(password);
    }
    if let (None, Some(options)) = (config.get_options(), defaults.get_options()) {
        config.options(options);
    }
    if let (None, Some(name)) = (config.get_application_name(), defaults.get_application_name()) {
        config.application_name(name);
    }
    if let (None, Some(timeout)) = (config.get_connect_timeout(), defaults.get_connect_timeout()) {
        config.connect_timeout(*timeout);
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
