//! `operations-center app list` and `show`

use std::io::Write;

use clap::Args;
use operations_center::application::{Application, MirroringUrl};
use operations_center::center::{Approval, Center};
use serde_json::{Value, json};

use crate::commands::output::{self, Format, Output, moment};

/// Lists all registered applications.
///
/// Example: operations-center app list -o json
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

/// Shows an application: what is registered, who approved it, and where its files are.
///
/// Example: operations-center app show Nord --secrets
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The application's id or name.
    application: String,
    /// Also the application token, which is a secret.
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn list(arguments: &List, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let (applications, approvals) = (center.applications()?, center.approvals()?);
    if arguments.output.format == Format::Json {
        let all = applications.iter().map(|application| json(application, &approvals, center));
        return output::json(out, &Value::Array(all.collect()));
    }
    writeln!(out, "{:<32} {:<24} {:<12} {:>8} mirroring", "id", "name", "environment", "tenants")?;
    for application in &applications {
        let details = &application.details;
        let tenants = approvals.iter().filter(|approval| approval.application == application.id).count();
        let url = details.mirroring.url().map_or("off", MirroringUrl::as_str);
        let (id, name, environment) = (&application.id, &details.name, details.environment.name());
        writeln!(out, "{id:<32} {name:<24} {environment:<12} {tenants:>8} {url}")?;
    }
    Ok(())
}

pub(super) fn show(arguments: &Show, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let application = center.application(&arguments.application)?;
    let mut approvals = center.approvals()?;
    approvals.retain(|approval| approval.application == application.id);
    if arguments.output.format == Format::Json {
        let value = json(&application, &approvals, center);
        let value = if arguments.secrets { with_token(value, &application) } else { value };
        return output::json(out, &value);
    }
    for (label, text) in lines(&application, center) {
        writeln!(out, "{label:<20} {text}")?;
    }
    let token = if arguments.secrets { application.token.reveal() } else { "(secret, shown with --secrets)" };
    writeln!(out, "{:<20} {token}", "token")?;
    for approval in &approvals {
        writeln!(out, "{:<20} {} at {}", "approved by", approval.tenant, moment(approval.approved_ms))?;
    }
    Ok(())
}

fn lines(application: &Application, center: &Center) -> Vec<(&'static str, String)> {
    let details = &application.details;
    let mirroring = match (details.mirroring.url(), details.mirroring.registered_url()) {
        (Some(url), _) => format!("on, to {url}"),
        (None, Some(url)) => format!("off, was to {url}"),
        (None, None) => "off".to_owned(),
    };
    vec![
        ("id", application.id.clone()),
        ("name", details.name.clone()),
        ("description", details.description.clone()),
        ("contact", details.contact.clone()),
        ("technical contact", details.technical_contact.clone()),
        ("environment", details.environment.to_string()),
        ("mirroring", mirroring),
        ("created", moment(application.created_ms)),
        ("signed by", details.environment.certificate_name().to_owned()),
        ("SHA-1 thumbprint", application.thumbprint().hex()),
        ("files", center.application_folder(&application.id).display().to_string()),
    ]
}

/// Everything about an application but its secret.
pub(super) fn json(application: &Application, approvals: &[Approval], center: &Center) -> Value {
    let details = &application.details;
    let folder = center.application_folder(&application.id);
    let own = approvals.iter().filter(|approval| approval.application == application.id);
    let approved =
        own.map(|approval| json!({ "tenant": approval.tenant, "approved": moment(approval.approved_ms) }));
    json!({
        "id": application.id,
        "name": details.name,
        "description": details.description,
        "contact": details.contact,
        "technical_contact": details.technical_contact,
        "environment": details.environment.name(),
        "mirroring": details.mirroring.is_enabled(),
        "mirroring_url": details.mirroring.registered_url().map(MirroringUrl::as_str),
        "created": moment(application.created_ms),
        "thumbprint": application.thumbprint().hex(),
        "approved_by": approved.collect::<Vec<_>>(),
        "files": {
            "private_key_xml": Application::application_key_xml_path(&folder),
            "private_key_pem": Application::application_key_pem_path(&folder),
            "signing_certificate": Application::certificate_path(&folder),
        },
    })
}

/// The same with the secret.
pub(super) fn with_token(mut value: Value, application: &Application) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert("token".to_owned(), application.token.reveal().into());
    }
    value
}
