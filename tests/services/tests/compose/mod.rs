//! Whether docker-compose.yml agrees with everything it names. It cannot be run without a container engine;
//! what made such files fail elsewhere was a name that did not exist (any more), and that can be compared.

mod dockerfile;
mod file;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use services::{Options, Services, versions};

use self::dockerfile::{Dockerfile, reaches_the_builder};
use self::file::{Compose, Service, compose, port_of, read, top};
use crate::client;

/// The names that this file, docker-compose.yml and the programs have to agree on.
mod names {
    pub(super) const KAFKA: &str = "kafka";
    pub(super) const REGISTRY: &str = "registry";
    pub(super) const BRIDGE: &str = "bridge";
    pub(super) const MIRROR: &str = "mirror-sqlite";

    /// Environment variables of Kafka's image that are no setting of a broker.
    pub(super) const KAFKA_SCRIPTS: [&str; 2] = ["CLUSTER_ID", "KAFKA_HEAP_OPTS"];
    /// Tried with the registry of this version: it kept its schemas in Kafka, on this port.
    pub(super) const REGISTRY_VARIABLES: [&str; 4] = [
        "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS",
        "APICURIO_STORAGE_KIND",
        "QUARKUS_HTTP_PORT",
        "QUARKUS_LOG_LEVEL",
    ];
    /// Where the sources of the programs are, which must name their variables, paths and verbs.
    pub(super) const BRIDGE_SOURCES: [&str; 1] = ["bridge/src"];
    pub(super) const MIRROR_SOURCES: [&str; 2] = ["consumers/sqlite/src", "consumers/mirror/src"];
    /// The mirror's variables with addresses in them, and the one with the prefix of its topics.
    pub(super) const MIRROR_KAFKA: &str = "MIRROR_KAFKA";
    pub(super) const MIRROR_REGISTRY: &str = "MIRROR_REGISTRY";
    pub(super) const MIRROR_PREFIX: &str = "MIRROR_PREFIX";

    /// Shows every key of the bridge's configuration, those with a default behind a "# ".
    pub(super) const BRIDGE_EXAMPLE: &str = "bridge/src/config/example.toml";
    /// Keys of the bridge's configuration.
    pub(super) const PUBLIC: &str = "listen";
    pub(super) const ADMIN: &str = "admin_listen";
    pub(super) const BOOTSTRAP_SERVERS: &str = "kafka.bootstrap_servers";
    pub(super) const REGISTRY_URL: &str = "registry.url";
    pub(super) const APPLICATIONS: &str = "applications";
    pub(super) const PREFIX: &str = "prefix";
    pub(super) const PRIVATE_KEY_FILE: &str = "private_key_file";
    pub(super) const CERTIFICATE_FILES: &str = "certificate_files";
}

fn service<'a>(compose: &'a Compose, name: &str) -> &'a Service {
    compose.services.get(name).unwrap_or_else(|| panic!("no service {name}"))
}

fn built(compose: &Compose) -> impl Iterator<Item = (&Service, Dockerfile)> {
    compose.services.values().filter_map(|service| {
        let build = service.build.as_ref()?;
        assert_eq!(build.context, Path::new("."), "COPY is compared with the top of the checkout");
        Some((service, Dockerfile::read(&top().join(&build.dockerfile))))
    })
}

/// Where the bridge's configuration is, found as the bridge finds it.
fn configuration_path(compose: &Compose) -> PathBuf {
    let bridge = service(compose, names::BRIDGE);
    let option = bridge.command.iter().position(|word| word == "--config").unwrap();
    bridge.in_checkout(&bridge.command[option + 1]).expect("the configuration is mounted")
}

fn bridge_configuration(compose: &Compose) -> toml::Table {
    read(&configuration_path(compose)).parse().unwrap()
}

/// A text of the configuration by its dotted key.
fn setting<'a>(configuration: &'a toml::Table, key: &str) -> &'a str {
    let value = match key.split_once('.') {
        Some((table, key)) => &configuration[table][key],
        None => &configuration[key],
    };
    value.as_str().unwrap()
}

/// The port of this container that a check through bash's /dev/tcp asks.
fn checked_port(service: &Service) -> u16 {
    let check = service.healthcheck.test.join(" ");
    let address = check.split_once("/dev/tcp/127.0.0.1/").unwrap().1;
    address.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn images_have_the_versions_that_the_tests_run_with() {
    let compose = compose();
    let kafka = format!("apache/kafka:{}", versions::KAFKA);
    let registry = format!("apicurio/apicurio-registry:{}", versions::APICURIO);
    assert_eq!(service(&compose, names::KAFKA).image, Some(kafka));
    assert_eq!(service(&compose, names::REGISTRY).image, Some(registry));
    assert!(compose.services.values().all(|service| service.image.is_some() != service.build.is_some()));
    let workspace: toml::Table = read(&top().join("Cargo.toml")).parse().unwrap();
    let rust = workspace["workspace"]["package"]["rust-version"].as_str().unwrap();
    for (_, dockerfile) in built(&compose) {
        assert!(dockerfile.word_after("FROM").starts_with(&format!("rust:{rust}-")));
    }
}

#[test]
fn every_file_and_volume_that_is_named_exists() {
    let compose = compose();
    let mut used = BTreeSet::new();
    for (source, _) in compose.services.values().flat_map(Service::mounts) {
        if source.starts_with("./") {
            assert!(top().join(source).exists(), "{source}");
        } else {
            used.insert(source);
        }
    }
    assert_eq!(used, compose.volumes.keys().map(String::as_str).collect(), "named volumes");
    let configuration = bridge_configuration(&compose);
    for application in configuration[names::APPLICATIONS].as_array().unwrap() {
        let certificates = application[names::CERTIFICATE_FILES].as_array().unwrap();
        for file in certificates.iter().chain([&application[names::PRIVATE_KEY_FILE]]) {
            // The file itself is for the operator to bring; a relative path starts at the configuration.
            let file = configuration_path(&compose).with_file_name(file.as_str().unwrap());
            assert!(file.parent().unwrap().is_dir(), "{}", file.display());
        }
    }
}

#[test]
fn every_source_that_a_dockerfile_copies_exists_and_is_sent() {
    let compose = compose();
    let workspace: toml::Table = read(&top().join("Cargo.toml")).parse().unwrap();
    for (_, dockerfile) in built(&compose) {
        let sources: Vec<&String> = dockerfile.sources().collect();
        for source in &sources {
            assert!(top().join(source).exists(), "{source}");
            assert!(reaches_the_builder(source), "{source} is kept back by .dockerignore");
        }
        for member in workspace["workspace"]["members"].as_array().unwrap() {
            let folder = member.as_str().unwrap();
            assert!(sources.iter().any(|source| Path::new(folder).starts_with(source)), "{folder}");
        }
    }
}

#[test]
fn every_image_runs_the_program_that_it_built() {
    for (_, dockerfile) in built(&compose()) {
        let (package, program) = (dockerfile.word_after("-p"), dockerfile.word_after("--bin"));
        let stage = dockerfile.word_after("AS");
        let path = format!("/source/target/release/{program}");
        assert_eq!(dockerfile.copied_from_stages().collect::<Vec<_>>(), [(stage, path.as_str())]);
        assert_eq!(dockerfile.word_after("ENTRYPOINT"), format!("[\"{program}\"]"));
        let workspace: toml::Table = read(&top().join("Cargo.toml")).parse().unwrap();
        let members = workspace["workspace"]["members"].as_array().unwrap();
        let folder = members.iter().map(|member| top().join(member.as_str().unwrap())).find(|folder| {
            let manifest: toml::Table = read(&folder.join("Cargo.toml")).parse().unwrap();
            manifest["package"]["name"].as_str() == Some(package)
        });
        assert!(folder.expect(package).join("src/main.rs").exists(), "{package} has no program");
    }
}

#[test]
fn published_ports_are_those_that_the_programs_listen_on() {
    let compose = compose();
    let configuration = bridge_configuration(&compose);
    let public = setting(&configuration, names::PUBLIC);
    let bridge = service(&compose, names::BRIDGE);
    assert!(public.starts_with("0.0.0.0:"), "a loopback in the container is out of reach");
    assert_eq!(bridge.published().collect::<Vec<_>>(), [(port_of(public), port_of(public))]);
    assert_eq!(checked_port(bridge), port_of(setting(&configuration, names::ADMIN)));
    let (_, dockerfile) = built(&compose).find(|(service, _)| service.ports == bridge.ports).unwrap();
    assert_eq!(dockerfile.word_after("EXPOSE"), port_of(public).to_string());

    let registry = service(&compose, names::REGISTRY);
    let listens = port_of(&registry.environment["QUARKUS_HTTP_PORT"]);
    assert!(registry.published().all(|(_, container)| container == listens));
    assert_eq!(checked_port(registry), listens);

    for (host, container) in service(&compose, names::KAFKA).published() {
        assert!(listener(&compose, "KAFKA_LISTENERS", &format!(":{container}")));
        assert!(listener(&compose, "KAFKA_ADVERTISED_LISTENERS", &format!("localhost:{host}")));
    }
    let hosts: Vec<u16> =
        compose.services.values().flat_map(Service::published).map(|(host, _)| host).collect();
    assert_eq!(hosts.iter().collect::<BTreeSet<_>>().len(), hosts.len(), "{hosts:?}");
}

/// Whether one of Kafka's listeners in this variable has this address.
fn listener(compose: &Compose, variable: &str, address: &str) -> bool {
    let listeners = &service(compose, names::KAFKA).environment[variable];
    listeners.split(',').any(|listener| listener.split_once("://").unwrap().1 == address)
}

#[test]
fn every_address_is_one_where_the_service_answers() {
    let compose = compose();
    let configuration = bridge_configuration(&compose);
    let mirror = &service(&compose, names::MIRROR).environment;
    let registry = &service(&compose, names::REGISTRY).environment;
    for kafka in [
        setting(&configuration, names::BOOTSTRAP_SERVERS),
        &mirror[names::MIRROR_KAFKA],
        &registry["APICURIO_KAFKASQL_BOOTSTRAP_SERVERS"],
    ] {
        assert!(kafka.starts_with(&format!("{}:", names::KAFKA)), "{kafka}");
        assert!(listener(&compose, "KAFKA_ADVERTISED_LISTENERS", kafka), "{kafka}");
    }
    let port = &registry["QUARKUS_HTTP_PORT"];
    let url = format!("http://{}:{port}/apis/ccompat/v7", names::REGISTRY);
    assert_eq!(setting(&configuration, names::REGISTRY_URL), url);
    assert_eq!(mirror[names::MIRROR_REGISTRY], url);
    let applications = configuration[names::APPLICATIONS].as_array().unwrap();
    let prefix = mirror[names::MIRROR_PREFIX].as_str();
    assert!(applications.iter().any(|application| application[names::PREFIX].as_str() == Some(prefix)));
}

#[test]
fn every_variable_is_one_that_its_program_reads() {
    let compose = compose();
    let registry = service(&compose, names::REGISTRY).environment.keys();
    assert_eq!(registry.collect::<Vec<_>>(), names::REGISTRY_VARIABLES);
    let sources = sources(&names::MIRROR_SOURCES);
    for variable in service(&compose, names::MIRROR).environment.keys() {
        assert!(sources.contains(&format!("\"{variable}\"")), "the mirror does not read {variable}");
    }
    assert!(service(&compose, names::BRIDGE).environment.is_empty(), "its configuration is a file");
}

#[test]
fn every_command_and_check_is_one_that_its_program_knows() {
    let compose = compose();
    let (bridge, mirror) = (service(&compose, names::BRIDGE), service(&compose, names::MIRROR));
    let bridge_sources = sources(&names::BRIDGE_SOURCES);
    let check = bridge.healthcheck.test.join(" ");
    let path = check.split_once("GET ").unwrap().1.split(' ').next().unwrap();
    assert!(bridge_sources.contains(&format!("\"{path}\"")), "the bridge does not serve {path}");
    let mirror_sources = sources(&names::MIRROR_SOURCES);
    let [_, program, checking, ..] = &mirror.healthcheck.test[..] else { panic!("a program and its verb") };
    assert_eq!(program, names::MIRROR);
    for (sources, verb) in [
        (&bridge_sources, &bridge.command[0]),
        (&mirror_sources, &mirror.command[0]),
        (&mirror_sources, checking),
    ] {
        // A verb is a variant of clap's enum, with or without fields.
        let variant = format!("{}{}", verb[..1].to_uppercase(), &verb[1..]);
        let known = [" {", "(", ","].iter().any(|after| sources.contains(&format!("    {variant}{after}")));
        assert!(known, "no verb {verb}");
    }
}

#[test]
fn every_key_of_the_configuration_is_in_the_bridges_example() {
    let example = read(&top().join(names::BRIDGE_EXAMPLE));
    let configuration = read(&configuration_path(&compose()));
    for line in configuration.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // A key with its "=", or the head of a table.
        let start = line.split_inclusive('=').next().unwrap();
        let shown = |line: &str| line.strip_prefix("# ").unwrap_or(line).starts_with(start);
        assert!(example.lines().any(shown), "the bridge does not know {line}");
    }
}

/// The text of all Rust files in these folders of the checkout.
fn sources(folders: &[&str]) -> String {
    folders.iter().map(|folder| sources_in(&top().join(folder))).collect()
}

fn sources_in(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| match path.is_dir() {
        true => sources_in(&path),
        false if path.extension().is_some_and(|extension| extension == "rs") => read(&path),
        false => String::new(),
    });
    texts.collect()
}

#[test]
fn every_kafka_variable_is_a_setting_that_a_real_broker_knows() {
    let compose = compose();
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path(), None, 1);
    let services = Services::start(&options, &mut |_| {}).unwrap();
    let known = client::broker_settings(&services.bootstrap_servers());
    let variables = service(&compose, names::KAFKA).environment.keys();
    for variable in variables.filter(|variable| !names::KAFKA_SCRIPTS.contains(&variable.as_str())) {
        let setting = variable.strip_prefix("KAFKA_").unwrap().to_lowercase().replace('_', ".");
        assert!(known.contains(&setting), "no broker knows {setting}");
    }
}

#[test]
fn what_is_built_here_runs_without_rights_and_everything_is_watched() {
    let compose = compose();
    for (name, service) in &compose.services {
        assert_eq!(service.restart, "unless-stopped", "{name}");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        assert_eq!(service.healthcheck.test[0], "CMD", "{name}");
        for (other, dependency) in &service.depends_on {
            assert!(compose.services.contains_key(other), "{name} waits for {other}");
            assert_eq!(dependency.condition, "service_healthy", "{name} waits for {other}");
        }
    }
    for (service, dockerfile) in built(&compose) {
        assert!(service.read_only);
        assert_eq!(service.user.as_deref(), Some(dockerfile.word_after("USER")));
        assert_ne!(dockerfile.word_after("USER").split(':').next(), Some("0"));
    }
}
