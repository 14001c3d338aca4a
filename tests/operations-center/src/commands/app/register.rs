//! `operations-center app register`

use std::io::Write;

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser as _};
use operations_center::application::{
    Application, Details, Environment, Mirroring, MirroringUrl, Registration,
};
use operations_center::center::Center;

use super::show;
use crate::commands::output::{self, Format, Output};

/// Registers an application: makes its keys, prints its token, and says which files go to the receiver.
///
/// With a Mirroring URL mirroring is on. Tenants are mirrored once they have approved the application. The first
/// application of an environment also makes the key and the certificate that sign the tokens of all of them.
///
/// Example: operations-center app register Nord --technical-contact ops@example.com
///   --mirroring-url https://mirror.example.com/MirroringClientService.svc
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// What people call it.
    name: String,
    /// What it does.
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Whom to ask about it.
    #[arg(long, default_value = "", hide_default_value = true)]
    contact: String,
    /// Who is told when a cycle fails, usually a mail address.
    #[arg(long, default_value = "", hide_default_value = true)]
    technical_contact: String,
    /// Where it is registered, which decides who signs its tokens.
    #[arg(long, default_value = "development", value_parser = environments())]
    environment: Environment,
    /// The receiver's address, http or https; switches mirroring on.
    #[arg(long, value_name = "URL")]
    mirroring_url: Option<MirroringUrl>,
    /// The application id (client id), in tokens as `spn:<id>`; random if not given.
    #[arg(long)]
    id: Option<String>,
    /// Bits of the application's own RSA key: 2048, or 1024 as in the vendor's sample.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(1024..=8192))]
    key_bits: u16,
    #[command(flatten)]
    output: Output,
}

fn environments() -> impl clap::builder::TypedValueParser<Value = Environment> {
    PossibleValuesParser::new(Environment::ALL.map(Environment::name))
        .try_map(|name| name.parse::<Environment>())
}

pub(super) fn run(arguments: Arguments, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let mut registration = Registration::new(Details {
        name: arguments.name,
        description: arguments.description,
        contact: arguments.contact,
        technical_contact: arguments.technical_contact,
        environment: arguments.environment,
        mirroring: arguments.mirroring_url.map_or_else(Mirroring::off, Mirroring::on),
    });
    registration.key_bits = usize::from(arguments.key_bits);
    if let Some(id) = arguments.id {
        registration.id = id;
    }
    let application = center.register(registration)?;
    match arguments.output.format {
        Format::Text => print(&application, center, out),
        Format::Json => {
            output::json(out, &show::with_token(show::json(&application, &[], center), &application))
        }
    }
}

fn print(application: &Application, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let (id, details) = (&application.id, &application.details);
    let folder = center.application_folder(id);
    writeln!(out, "application {id}")?;
    writeln!(out, "token       {}", application.token.reveal())?;
    writeln!(out, "for the receiver:")?;
    writeln!(out, "  private key (RSAXML)   {}", Application::application_key_xml_path(&folder).display())?;
    writeln!(out, "  private key (PKCS#8)   {}", Application::application_key_pem_path(&folder).display())?;
    writeln!(out, "  signing certificate    {}", Application::certificate_path(&folder).display())?;
    writeln!(out, "                         {}", details.environment.certificate_name())?;
    writeln!(out, "                         SHA-1 thumbprint {}", application.thumbprint().hex())?;
    match details.mirroring.url() {
        Some(url) => writeln!(out, "mirroring is on, to {url}")?,
        None => writeln!(
            out,
            "mirroring is off, switch it on with 'operations-center app enable-mirroring {id} --url URL'"
        )?,
    }
    Ok(())
}
