//! Options that verbs share. Whatever has an environment variable can stand in the configuration file too.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mirrorbus_schemas::topic::Prefix;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use crate::cli::error::Failure;
use crate::pattern::Patterns;
use crate::settings::Settings;

/// librdkafka's settings that are secrets.
const SECRETS: [&str; 7] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl_password",
];

/// Where Kafka and the registry are.
#[derive(Args, Debug)]
#[command(next_help_heading = "Kafka and registry")]
pub(crate) struct Connection {
    /// Kafka's brokers, HOST:PORT, several separated by commas.
    #[arg(long, env = "MIRROR_KAFKA")]
    kafka: Option<String>,
    /// What the application's topics begin with.
    #[arg(long, env = "MIRROR_PREFIX")]
    prefix: Option<String>,
    /// Base of the schema registry's Confluent-compatible API.
    #[arg(long, value_name = "URL", env = "MIRROR_REGISTRY")]
    registry: Option<String>,
    /// User for the registry's basic authentication.
    #[arg(long, value_name = "NAME", env = "MIRROR_REGISTRY_USER")]
    registry_user: Option<String>,
    /// File with that user's password.
    #[arg(long, value_name = "FILE", env = "MIRROR_REGISTRY_PASSWORD_FILE")]
    registry_password_file: Option<PathBuf>,
    /// One more librdkafka setting; may be given several times, in the environment one per line.
    #[arg(
        long,
        value_name = "NAME=VALUE",
        env = "MIRROR_KAFKA_SETTING",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    kafka_setting: Vec<String>,
    /// One more librdkafka setting, its value in a file: the way for passwords.
    #[arg(long, value_name = "NAME=FILE", env = "MIRROR_KAFKA_SETTING_FILE", value_delimiter = '\n')]
    kafka_setting_file: Vec<String>,
}

/// Whose tables, and which. `*` stands for any characters and `?` for one.
#[derive(Args, Debug)]
#[command(next_help_heading = "Choice")]
pub(crate) struct Choice {
    /// Tenants that match; all unless given. Several separated by commas.
    #[arg(long, value_name = "PATTERNS", env = "MIRROR_TENANTS", value_delimiter = ',')]
    tenants: Vec<String>,
    /// No tenants that match.
    #[arg(long, value_name = "PATTERNS", env = "MIRROR_EXCLUDE_TENANTS", value_delimiter = ',')]
    exclude_tenants: Vec<String>,
    /// Tables that match; all unless given.
    #[arg(long, value_name = "PATTERNS", env = "MIRROR_TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// No tables that match.
    #[arg(long, value_name = "PATTERNS", env = "MIRROR_EXCLUDE_TABLES", value_delimiter = ',')]
    exclude_tables: Vec<String>,
}

/// How much is applied at once.
#[derive(Args, Debug)]
#[command(next_help_heading = "Batches")]
pub(crate) struct Batches {
    /// Records that a batch takes at most.
    #[arg(long, value_name = "NUMBER", env = "MIRROR_BATCH_RECORDS")]
    batch_records: Option<usize>,
    /// Bytes of records that a batch takes at most; one record is taken whatever its size.
    #[arg(long, value_name = "NUMBER", env = "MIRROR_BATCH_BYTES")]
    batch_bytes: Option<usize>,
}

/// What every verb needs that reads topics.
#[derive(Args, Debug)]
pub(crate) struct Reading {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    pub(crate) choice: Choice,
    #[command(flatten)]
    batches: Batches,
}

/// How a mirror works with others, and who sees it.
#[derive(Args, Debug)]
#[command(next_help_heading = "Operation")]
pub(crate) struct Operation {
    /// Processes with the same name share the tenants, by Kafka's consumer group of that name; one that ends or hangs is
    /// replaced by the others.
    #[arg(long, value_name = "NAME", env = "MIRROR_GROUP")]
    group: Option<String>,
    /// Where /livez, /readyz and /metrics are answered, such as 127.0.0.1:9465; nowhere unless given. Not encrypted.
    #[arg(long, value_name = "ADDRESS", env = "MIRROR_ADMIN_LISTEN")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// A shell command that is run after a tenant's cycle is whole in the mirror, with MIRROR_TENANT and MIRROR_CYCLE in its
    /// environment. If it fails, that is logged and counted; rows go on.
    #[arg(long, value_name = "COMMAND", env = "MIRROR_AFTER_CYCLE_COMMAND")]
    after_cycle_command: Option<String>,
    /// How long that command may take.
    #[arg(long, value_name = "TIME", env = "MIRROR_AFTER_CYCLE_LIMIT", default_value = "10m", value_parser = humantime::parse_duration)]
    after_cycle_limit: Duration,
}

/// What readers see at once.
#[derive(Args, Debug)]
pub(crate) struct Cycles {
    /// Show only whole cycles of the source: readers of the mirror never see a part of one.
    #[arg(long, env = "MIRROR_WHOLE_CYCLES")]
    pub(crate) whole_cycles: bool,
}

/// How long old copies live.
#[derive(Args, Debug)]
pub(crate) struct Keep {
    /// How long the old copy of a regenerated tenant or table is kept, such as 12h or 7d.
    #[arg(long, value_name = "TIME", env = "MIRROR_KEEP", default_value = "7d", value_parser = humantime::parse_duration)]
    pub(crate) keep: Duration,
}

impl Connection {
    /// Settings of all that a verb needs.
    fn settings(&self) -> Result<Settings, Failure> {
        self.some_settings(&["--kafka", "--prefix", "--registry"])
    }

    /// Settings of which only some are needed.
    pub(crate) fn some_settings(&self, needed: &[&str]) -> Result<Settings, Failure> {
        let given = [("--kafka", &self.kafka), ("--prefix", &self.prefix), ("--registry", &self.registry)];
        let is_missing =
            |(name, value): &(&'static str, &Option<String>)| value.is_none() && needed.contains(name);
        let missing: Vec<&str> = given.into_iter().filter(is_missing).map(|(name, _)| name).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Failure::usage(format!(
                "missing, as option, MIRROR_ variable or in the configuration file: {missing}"
            )));
        }
        let prefix = Prefix::new(self.prefix.as_deref().unwrap_or_default())
            .map_err(|error| Failure::usage(format!("--prefix: {error}")))?;
        let registry = self.registry.as_deref().unwrap_or_default();
        if registry.split('/').nth(2).is_some_and(|place| place.contains('@')) {
            return Err(Failure::usage(
                "--registry names a user: say --registry-user and --registry-password-file instead",
            ));
        }
        let mut settings = Settings::new(self.kafka.as_deref().unwrap_or_default(), registry, prefix);
        settings.registry_basic = self.basic()?;
        settings.kafka_settings = self.kafka_settings()?;
        Ok(settings)
    }

    fn basic(&self) -> Result<Option<(String, String)>, Failure> {
        match (&self.registry_user, &self.registry_password_file) {
            (None, None) => Ok(None),
            (Some(user), Some(file)) => Ok(Some((user.clone(), secret("--registry-password-file", file)?))),
            _ => Err(Failure::usage("--registry-user and --registry-password-file go together")),
        }
    }

    fn kafka_settings(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut settings = Vec::new();
        for setting in &self.kafka_setting {
            let (name, value) = pair("--kafka-setting", setting)?;
            if SECRETS.contains(&name) {
                let advice = format!(
                    "{name} is a secret: name a file that holds it, --kafka-setting-file {name}=FILE"
                );
                return Err(Failure::usage(advice));
            }
            settings.push((name.to_owned(), value.to_owned()));
        }
        for setting in &self.kafka_setting_file {
            let (name, file) = pair("--kafka-setting-file", setting)?;
            settings.push((name.to_owned(), secret("--kafka-setting-file", Path::new(file))?));
        }
        for (name, value) in &settings {
            // The description may repeat the value.
            if let Err(KafkaError::ClientConfig(_, description, ..)) =
                ClientConfig::new().set(name, value).create_native_config()
            {
                let shown = if description.contains(value) { "its value is refused" } else { &description };
                return Err(Failure::usage(format!("librdkafka's setting {name}: {shown}")));
            }
        }
        Ok(settings)
    }
}

fn pair<'s>(option: &str, setting: &'s str) -> Result<(&'s str, &'s str), Failure> {
    let pair = setting.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.ok_or_else(|| Failure::usage(format!("{option} is not of the form NAME=...")))
}

/// A secret from its file, without the line's end.
fn secret(option: &str, file: &Path) -> Result<String, Failure> {
    let fault = |rule: String| Failure::usage(format!("{option}: {}: {rule}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(fault("is empty".to_owned())) } else { Ok(text.to_owned()) }
}

impl Choice {
    pub(crate) fn tenants(&self) -> Patterns {
        Patterns::new(&self.tenants, &self.exclude_tenants)
    }

    pub(crate) fn tables(&self) -> Patterns {
        Patterns::new(&self.tables, &self.exclude_tables)
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.tenants = self.tenants();
        settings.tables = self.tables();
    }
}

impl Reading {
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = self.connection.settings()?;
        self.choice.apply(&mut settings);
        self.batches.apply(&mut settings);
        Ok(settings)
    }
}

impl Operation {
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.group.clone_from(&self.group);
        settings.after_cycle_command.clone_from(&self.after_cycle_command);
        settings.after_cycle_limit = self.after_cycle_limit;
    }
}

impl Batches {
    fn apply(&self, settings: &mut Settings) {
        settings.batch_records = self.batch_records.unwrap_or(settings.batch_records).max(1);
        settings.batch_bytes = self.batch_bytes.unwrap_or(settings.batch_bytes).max(1);
    }
}
