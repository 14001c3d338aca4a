//! Registered applications, and the environments that sign for them.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CenterError;
use super::{Center, disk};
use crate::application::{Application, Environment, Mirroring, MirroringUrl, Registration, Signer, files};

/// The name of a certificate's file beside its key.
pub(super) const CERTIFICATE_FILE: &str = "certificate.pem";
const ID_RULE: &str = "letters, digits, - and _ only, 64 at most, not - or _ first";
const NAME_RULE: &str = "one line of text, not empty";

impl Center {
    /// All applications in the order of their ids.
    ///
    /// # Errors
    /// [`CenterError`] naming the file that cannot be read.
    pub fn applications(&self) -> Result<Vec<Application>, CenterError> {
        disk::list(&self.applications_folder())?.iter().map(|folder| self.load(folder)).collect()
    }

    /// One application, by its id or by its name.
    ///
    /// # Errors
    /// [`CenterError::NoApplication`], or what cannot be read.
    pub fn application(&self, id_or_name: &str) -> Result<Application, CenterError> {
        let folder = self.application_folder(id_or_name);
        if is_id(id_or_name) && folder.exists() {
            return self.load(&folder);
        }
        let mut all = self.applications()?.into_iter();
        all.find(|application| application.details.name == id_or_name)
            .ok_or_else(|| CenterError::NoApplication { name: id_or_name.to_owned() })
    }

    /// Registers an application: makes its keys, and at first use those of its environment. Takes a second or more.
    ///
    /// # Errors
    /// [`CenterError::Name`] and [`CenterError::ApplicationExists`] for an id or a name that cannot be used, or what
    /// cannot be written.
    pub fn register(&self, registration: Registration) -> Result<Application, CenterError> {
        check_names(&registration)?;
        let signer = self.signer_at_first_use(registration.details.environment)?;
        let application = Application::registered(registration, signer, self.clock.now_ms())?;
        let lock = disk::lock(&self.folder)?;
        self.check_unused(&application)?;
        let draft = disk::draft(&self.applications_folder(), &lock)?;
        let made = draft.path().join(&application.id);
        application.save_for_partner(&made)?;
        disk::rename(&made, &self.application_folder(&application.id))?;
        Ok(application)
    }

    /// Switches mirroring on, to `url` or else to the URL that is registered.
    ///
    /// # Errors
    /// [`CenterError::Mirroring`] where there is no URL, [`CenterError::NoApplication`], or what cannot be written.
    pub fn enable_mirroring(
        &self,
        id_or_name: &str,
        url: Option<MirroringUrl>,
    ) -> Result<Application, CenterError> {
        self.set_mirroring(id_or_name, |mirroring| Ok(mirroring.enabled(url)?))
    }

    /// Switches mirroring off. The URL stays registered.
    ///
    /// # Errors
    /// [`CenterError::NoApplication`], or what cannot be written.
    pub fn disable_mirroring(&self, id_or_name: &str) -> Result<Application, CenterError> {
        self.set_mirroring(id_or_name, |mirroring| Ok(mirroring.disabled()))
    }

    /// Gives an application a new key of `bits`. Answers signed with the old one are refused from now on; its files are
    /// kept under the same names with a number behind, as in `application-key.xml.1`, the highest of which is
    /// returned.
    ///
    /// # Errors
    /// [`CenterError::NoApplication`], or what cannot be written.
    pub fn rotate_key(&self, id_or_name: &str, bits: usize) -> Result<(Application, u32), CenterError> {
        let key = files::new_key(bits)?;
        let _lock = disk::lock(&self.folder)?;
        let application = self.application(id_or_name)?.with_key(key);
        let folder = self.application_folder(&application.id);
        let number = keep_old_key(&folder)?;
        application.save_key(&folder)?;
        Ok((application, number))
    }

    /// Where an application's files are; what a partner is handed stands there.
    #[must_use]
    pub fn application_folder(&self, id: &str) -> PathBuf {
        self.applications_folder().join(id)
    }

    /// Where an environment's signing key and certificate are.
    #[must_use]
    pub fn environment_folder(&self, environment: Environment) -> PathBuf {
        self.folder.join("environments").join(environment.name())
    }

    fn applications_folder(&self) -> PathBuf {
        self.folder.join("applications")
    }

    fn load(&self, folder: &Path) -> Result<Application, CenterError> {
        Application::load_signed_by(folder, |environment| {
            Ok(Signer::load(&self.environment_folder(environment), CERTIFICATE_FILE)?)
        })
    }

    fn signer_at_first_use(&self, environment: Environment) -> Result<Signer, CenterError> {
        let folder = self.environment_folder(environment);
        let lock = disk::lock(&self.folder)?;
        if folder.exists() {
            return Ok(Signer::load(&folder, CERTIFICATE_FILE)?);
        }
        let draft = disk::draft(&self.folder.join("environments"), &lock)?;
        let made = draft.path().join(environment.name());
        disk::make_folder(&made)?;
        let signer = Signer::generate(environment)?;
        signer.save(&made, CERTIFICATE_FILE)?;
        disk::rename(&made, &folder)?;
        Ok(signer)
    }

    /// Ids and names are one space, so that either finds one application. Whoever calls holds the lock.
    fn check_unused(&self, new: &Application) -> Result<(), CenterError> {
        let wanted = [&new.id, &new.details.name];
        for other in self.applications()? {
            let taken = [&other.id, &other.details.name];
            if let Some(name) = wanted.into_iter().find(|name| taken.contains(name)) {
                return Err(CenterError::ApplicationExists { name: name.clone() });
            }
        }
        Ok(())
    }

    fn set_mirroring(
        &self,
        id_or_name: &str,
        change: impl FnOnce(Mirroring) -> Result<Mirroring, CenterError>,
    ) -> Result<Application, CenterError> {
        let _lock = disk::lock(&self.folder)?;
        let mut application = self.application(id_or_name)?;
        application.details.mirroring = change(application.details.mirroring)?;
        application.save_description(&self.application_folder(&application.id))?;
        Ok(application)
    }
}

/// Copies the key's files to the first number that is free. They stay in place until they are replaced, because other
/// processes read them.
fn keep_old_key(folder: &Path) -> Result<u32, CenterError> {
    let files =
        [Application::application_key_xml_path(folder), Application::application_key_pem_path(folder)];
    let numbered = |path: &Path, number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let is_free = |number: &u32| files.iter().all(|path| !numbered(path, *number).exists());
    let number = (1..).find(is_free).unwrap_or(u32::MAX);
    for path in &files {
        let kept = numbered(path, number);
        // The mode is copied too.
        fs::copy(path, &kept).map_err(disk::failed(&kept))?;
    }
    Ok(number)
}

fn check_names(registration: &Registration) -> Result<(), CenterError> {
    let (id, name) = (&registration.id, &registration.details.name);
    if !is_id(id) {
        return Err(CenterError::Name { name: id.clone(), what: "an application id", rule: ID_RULE });
    }
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(CenterError::Name { name: name.clone(), what: "an application's name", rule: NAME_RULE });
    }
    Ok(())
}

/// An id is also the name of a folder.
fn is_id(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_fit)
}
