//! `operations-center app rotate-key`, `enable-mirroring` and `disable-mirroring`

use std::io::Write;

use clap::Args;
use operations_center::application::{Application, MirroringUrl};
use operations_center::center::Center;

/// Makes a new key for an application and stops accepting the old one.
///
/// Answers signed with the old key are refused from now on, so cycles fail until the receiver has the new one. The old files are kept with a number behind their names, as in application-key.xml.1.
///
/// Example: operations-center app rotate-key Nord
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    /// The application's id or name.
    application: String,
    /// Bits of the new key: 2048, or 1024 as in the vendor's sample.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(1024..=8192))]
    key_bits: u16,
}

pub(super) fn rotate_key(arguments: &RotateKey, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let bits = usize::from(arguments.key_bits);
    let (application, number) = center.rotate_key(&arguments.application, bits)?;
    let folder = center.application_folder(&application.id);
    let (xml, pem) =
        (Application::application_key_xml_path(&folder), Application::application_key_pem_path(&folder));
    writeln!(out, "application {} has a new key, give it to the receiver:", application.id)?;
    writeln!(out, "  private key (RSAXML)   {}", xml.display())?;
    writeln!(out, "  private key (PKCS#8)   {}", pem.display())?;
    writeln!(
        out,
        "the old key is no longer accepted; it is kept as {}.{number} and .pem.{number}",
        xml.display()
    )?;
    Ok(())
}

/// Switches mirroring on, to the application's Mirroring URL.
///
/// Tenants that approved the application are mirrored from now on. A URL must be given unless one is registered already.
///
/// Example: operations-center app enable-mirroring Nord --url https://mirror.example.com/MirroringClientService.svc
#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// The application's id or name.
    application: String,
    /// The Mirroring URL, http or https.
    #[arg(long)]
    url: Option<MirroringUrl>,
}

pub(super) fn enable(arguments: Enable, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let application = center.enable_mirroring(&arguments.application, arguments.url)?;
    if let Some(url) = application.details.mirroring.url() {
        writeln!(out, "mirroring is on for {}, to {url}", application.details.name)?;
    }
    Ok(())
}

/// Switches mirroring off: no cycle begins for the application any more.
///
/// Its Mirroring URL and its approvals stay.
///
/// Example: operations-center app disable-mirroring Nord
#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// The application's id or name.
    application: String,
}

pub(super) fn disable(arguments: &Disable, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let application = center.disable_mirroring(&arguments.application)?;
    writeln!(out, "mirroring is off for {}", application.details.name)?;
    Ok(())
}
