//! A registered application: its id, keys and tenants, and what becomes of its tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mirrorbus_schemas::topic::{NameError, Prefix, Table, Tenant};

use super::Warnings;
use super::fault::with_causes;
use super::kafka::Kafka;
use super::section::Section;
use crate::auth::{Signer, Trust, Trusted, Verifier};
use crate::bus::registry::RegistrySettings;
use crate::bus::settings::{BusSettings, OnWipe};

const ISSUER: &str = "SuperOffice AS";

/// One application that the bridge serves.
pub struct Application {
    /// Its id at the vendor.
    pub id: String,
    /// Whom it trusts, and what it signs with.
    pub trust: Trust,
    /// Where its rows go.
    pub bus: BusSettings,
    /// Where its schemas go.
    pub registry: RegistrySettings,
}

/// Reads one entry of `[[applications]]`; `None` when something was noted.
pub(super) fn read(
    section: &Section<'_>,
    kafka: &Kafka,
    registry: &RegistrySettings,
    folder: &Path,
    warnings: &mut Warnings,
) -> Option<Application> {
    let id = section.required_text("id");
    let id = id.filter(|id| {
        let is_id = id.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_id {
            section.fault("id", "must be the application id as the vendor gave it, without spn: or blanks");
        }
        is_id
    });
    let issuer = section.text("issuer").unwrap_or_else(|| ISSUER.to_owned());
    let prefix =
        section.required_text("prefix").and_then(|prefix| checked(section, "prefix", Prefix::new(prefix)));
    let signer = signer(section, folder, warnings);
    let certificates = certificates(section, folder);
    let allowed_tenants = allowed_tenants(section);
    let ignore_tables = ignore_tables(section);
    let key_columns = key_columns(section);
    let on_wipe = on_wipe(section);
    section.refuse_unknown_keys();
    let (id, prefix) = id.zip(prefix)?;
    let trust =
        Trust { verifier: Verifier::trusting(&issuer, &id, certificates?), signer: signer?, allowed_tenants };
    Some(Application {
        id,
        trust,
        bus: BusSettings { ignore_tables, key_columns, on_wipe, ..kafka.settings(prefix) },
        registry: registry.clone(),
    })
}

fn signer(section: &Section<'_>, folder: &Path, warnings: &mut Warnings) -> Option<Signer> {
    let file = section.required_text("private_key_file")?;
    match Signer::from_file(&folder.join(&file)) {
        Ok((signer, found)) => {
            found.iter().for_each(|warning| warnings.add(&section.path_of("private_key_file"), warning));
            Some(signer)
        }
        Err(error) => {
            section.fault("private_key_file", format!("{file}: {}", with_causes(&error)));
            None
        }
    }
}

fn certificates(section: &Section<'_>, folder: &Path) -> Option<Trusted> {
    section.require("certificate_files");
    let files = section.texts("certificate_files");
    if files.as_ref().is_some_and(Vec::is_empty) {
        section.fault("certificate_files", "must name a file at least: without one no call is accepted");
    }
    let files = files.filter(|files| !files.is_empty())?;
    match Trusted::of_files(files.iter().map(|file| folder.join(file)).collect()) {
        Ok(trusted) => Some(trusted),
        Err(errors) => {
            for error in errors {
                let file = error.path.strip_prefix(folder).unwrap_or(&error.path).display().to_string();
                section.fault("certificate_files", format!("{file}: {}", with_causes(&error.reason)));
            }
            None
        }
    }
}

fn allowed_tenants(section: &Section<'_>) -> Option<BTreeSet<Tenant>> {
    let names = section.texts("allowed_tenants")?;
    if names.is_empty() {
        section.fault("allowed_tenants", "must name a tenant at least; without the key all are served");
    }
    Some(
        names.into_iter().filter_map(|name| checked(section, "allowed_tenants", Tenant::new(name))).collect(),
    )
}

fn ignore_tables(section: &Section<'_>) -> BTreeSet<String> {
    // A table is ignored *because* its name cannot be a topic's, so no name is refused here.
    section.texts("ignore_tables").unwrap_or_default().into_iter().collect()
}

fn key_columns(section: &Section<'_>) -> BTreeMap<String, Vec<String>> {
    let mut key_columns = BTreeMap::new();
    for entry in section.entries("key_columns") {
        if let Err(error) = Table::new(entry.name.as_str()) {
            entry.fault(error.to_string());
        }
        let Some(columns) = entry.texts() else { continue };
        let distinct: BTreeSet<_> = columns.iter().collect();
        if columns.is_empty() || distinct.len() < columns.len() {
            entry.fault("must name each key column once, and one at least");
        }
        key_columns.insert(entry.name, columns);
    }
    key_columns
}

fn on_wipe(section: &Section<'_>) -> OnWipe {
    match section.text("on_wipe").as_deref() {
        None | Some("sweep") => OnWipe::Sweep,
        Some("clear") => OnWipe::Clear,
        Some(_) => {
            section.fault("on_wipe", "must be sweep or clear");
            OnWipe::Sweep
        }
    }
}

fn checked<T>(section: &Section<'_>, key: &'static str, name: Result<T, NameError>) -> Option<T> {
    name.map_err(|error| section.fault(key, error.to_string())).ok()
}
