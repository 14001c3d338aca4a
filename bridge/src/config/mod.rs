//! The bridge's configuration: a TOML file, single keys of it overridden by environment variables.
//!
//! Every fault is reported in one run ([`ConfigErrors`]), each with its key and the rule. Secrets come from files only,
//! so that they stand in no environment, no argument list and no repository. A key `limits.max_rows` is overridden by
//! `MIRRORBUS_LIMITS__MAX_ROWS`; keys of `[[applications]]` and of tables with names of the operator's own
//! (`kafka.properties`) are not, and an unknown variable is a fault like an unknown key. [`EXAMPLE`] explains every key.

mod address;
mod application;
mod fault;
mod kafka;
mod limits;
mod section;
mod tls;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use toml::de::DeTable;

use self::address::{is_open_to_listeners, path, socket, url};
pub use self::application::Application;
pub(crate) use self::fault::with_causes;
pub use self::fault::{ConfigErrors, Fault};
pub use self::limits::Limits;
use self::section::{Section, Source, VARIABLE_PREFIX};
use crate::auth::secret;
use crate::bus::registry::RegistrySettings;
use crate::http::tls::Tls;

/// A commented configuration with every key there is.
pub const EXAMPLE: &str = include_str!("example.toml");

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ADMIN_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const PATH: &str = "/MirroringClientService.svc";
/// Variables with our prefix that are not configuration keys: the file's own place, the log filter, the cache of the
/// test tools, and whatever tests use.
const OTHER_VARIABLES: [&str; 3] = ["MIRRORBUS_CONFIG", "MIRRORBUS_LOG", "MIRRORBUS_CACHE"];
const TEST_VARIABLES: &str = "MIRRORBUS_TEST_";

/// A configuration without faults.
pub struct Config {
    /// Where calls are taken.
    pub listen: SocketAddr,
    /// Where metrics and health are served.
    pub admin_listen: SocketAddr,
    /// Certificate and key; without them calls are plain HTTP.
    pub tls: Option<Tls>,
    /// The whole address by which the vendor reaches `path`; shown in the description.
    pub public_url: String,
    /// The path of the service.
    pub path: String,
    /// How long a call may take from its body's last byte.
    pub call_timeout: Duration,
    /// Whether a token that comes with another call is refused, or only told of.
    pub refuse_reused_tokens: bool,
    /// What a caller may cost.
    pub limits: Limits,
    /// At least one, with ids and prefixes that differ.
    pub applications: Vec<Application>,
    warnings: Warnings,
}

/// The process's variables that concern the bridge.
#[must_use]
pub fn variables() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| name.starts_with(VARIABLE_PREFIX))
        .collect()
}

impl Config {
    /// Reads the file, then the variables, which win. Without a file there are no applications, which is a fault.
    /// Files that the configuration names are looked for beside it.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every fault of the file, the variables, and the files that they name.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let text = file.map_or(Ok(String::new()), fs::read_to_string).map_err(|error| {
            let key = file.unwrap_or(Path::new("")).display().to_string();
            ConfigErrors { faults: vec![Fault { key, line: None, rule: format!("cannot be read: {error}") }] }
        })?;
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let source = Source::new(&text, variables.into_iter().filter(|(name, _)| is_ours(name)).collect());
        let config = read(&source, &text, folder);
        match (config, source.into_faults()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(ConfigErrors { faults }),
        }
    }

    /// What an operator should look at though the bridge runs. `now` in seconds since 1970.
    #[must_use]
    pub fn warnings(&self, now: i64) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        for application in &self.applications {
            for certificate in application.trust.verifier.trusted().certificates().iter() {
                let found = certificate.warnings(now);
                found.iter().for_each(|warning| warnings.add(&application.id, warning));
            }
        }
        warnings.0
    }

    /// The same without those of the vendor's certificates.
    pub(crate) fn own_warnings(&self) -> &[String] {
        &self.warnings.0
    }
}

/// Things that are noted and forgiven.
#[derive(Clone, Default)]
struct Warnings(Vec<String>);

impl Warnings {
    fn add(&mut self, key: &str, text: impl Display) {
        self.0.push(format!("{key}: {text}"));
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with(VARIABLE_PREFIX) && !name.starts_with(TEST_VARIABLES) && !OTHER_VARIABLES.contains(&name)
}

/// `None`, with the reasons noted in the source, when there is no configuration to be had.
fn read(source: &Source<'_>, text: &str, folder: &Path) -> Option<Config> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        source.fault("not TOML", error.span().and_then(|span| source.line(span)), error.message());
    }
    // What was recovered from a broken file would only add faults that are none.
    if !errors.is_empty() {
        return None;
    }
    let config = read_root(&Section::root(source, document.get_ref()), folder);
    source.refuse_unknown_variables();
    config
}

fn read_root(root: &Section<'_>, folder: &Path) -> Option<Config> {
    let mut warnings = Warnings::default();
    let listen = socket(root, "listen", LISTEN);
    let admin_listen = socket(root, "admin_listen", ADMIN_LISTEN);
    let tls = tls::read(root, listen, folder, &mut warnings);
    let public_url = url(root, "public_url");
    if public_url.as_deref().is_some_and(is_open_to_listeners) {
        warnings.add("public_url", "is not https: whoever sees a call can repeat it with other rows");
    }
    let path = path(root, "path", PATH);
    let call_timeout = Duration::from_secs(root.number("call_timeout_seconds", 5..=600, 45));
    let refuse_reused_tokens = root.truth("refuse_reused_tokens");
    let limits = limits::read(&root.section("limits"));
    let kafka = kafka::read(&root.section("kafka"), folder, &mut warnings);
    let registry = registry(&root.section("registry"), folder, &mut warnings);
    let sections = root.sections("applications");
    if sections.is_empty() {
        root.fault("applications", "must have one entry at least: [[applications]]");
    }
    refuse_equals(&sections);
    let applications = sections
        .iter()
        .map(|section| application::read(section, &kafka, &registry, folder, &mut warnings))
        .collect::<Vec<_>>();
    root.refuse_unknown_keys();
    let applications = applications.into_iter().collect::<Option<Vec<_>>>()?;
    let public_url = public_url?;
    Some(Config {
        listen,
        admin_listen,
        tls,
        public_url,
        path,
        call_timeout,
        refuse_reused_tokens,
        limits,
        applications,
        warnings,
    })
}

fn registry(section: &Section<'_>, folder: &Path, warnings: &mut Warnings) -> RegistrySettings {
    let url = url(section, "url").unwrap_or_default().trim_end_matches('/').to_owned();
    let user = section.text("user");
    let file = section.text("password_file");
    if user.is_some() != file.is_some() {
        section.fault("user", "registry.user and registry.password_file go together");
    }
    let password = file.and_then(|file| {
        let password = secret_text(&folder.join(&file), "registry.password_file", warnings);
        password.map_err(|rule| section.fault("password_file", format!("{file}: {rule}"))).ok()
    });
    section.refuse_unknown_keys();
    RegistrySettings { url, basic: user.zip(password) }
}

/// A secret text that stands alone in a file, without the line's end.
fn secret_text(file: &Path, key: &str, warnings: &mut Warnings) -> Result<String, String> {
    let (bytes, warning) = secret::read(file).map_err(|error| with_causes(&error))?;
    warning.iter().for_each(|warning| warnings.add(key, warning));
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// One id or prefix for two applications would mix their calls, or their rows.
fn refuse_equals(applications: &[Section<'_>]) {
    for key in ["id", "prefix"] {
        let mut seen = BTreeMap::new();
        for (number, application) in applications.iter().enumerate() {
            let Some(value) = application.text_if_any(key) else { continue };
            if let Some(first) = seen.insert(value.to_ascii_lowercase(), number) {
                application.fault(key, format!("is that of applications[{first}], whatever the case"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
