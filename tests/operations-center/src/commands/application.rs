//! `operations-center application`

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use operations_center::application::Application;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes an application with new keys in a folder.
    New {
        /// Where its files go; made if missing, refused if an application is there already.
        #[arg(long)]
        folder: PathBuf,
        /// The application id (client id), in tokens as `spn:<id>`; random if not given.
        #[arg(long)]
        id: Option<String>,
        /// Bits of the application's own RSA key: 2048, or 1024 as in the vendor's sample.
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(1024..=8192))]
        key_bits: u16,
    },
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> anyhow::Result<()> {
    let Command::New { folder, id, key_bits } = command;
    if Application::signing_key_path(&folder).exists() {
        bail!("{} holds an application already, choose another folder", folder.display());
    }
    let id = id.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
    let application = Application::generate_with_key(&id, usize::from(key_bits))?;
    application.save(&folder)?;
    writeln!(out, "application {id}")?;
    writeln!(out, "for the receiver:")?;
    writeln!(out, "  private key (RSAXML)   {}", Application::application_key_xml_path(&folder).display())?;
    writeln!(out, "  private key (PKCS#8)   {}", Application::application_key_pem_path(&folder).display())?;
    writeln!(out, "  signing certificate    {}", Application::certificate_path(&folder).display())?;
    writeln!(out, "                         SHA-1 thumbprint {}", application.thumbprint().hex())?;
    writeln!(
        out,
        "for nobody: the key that signs tokens, {}",
        Application::signing_key_path(&folder).display()
    )?;
    Ok(())
}
