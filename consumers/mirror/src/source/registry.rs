//! Schemas by id. An id never changes its meaning, so what was read once is kept.
//!
//! A registry that does not answer is waited for: without it no record can be read, and a mirror that ended would
//! only have to be started again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use crate::admin::Watch;
use crate::error::{Fault, MirrorError, chain};
use crate::settings::Settings;
use crate::stop::Stop;
use crate::table::decode::Plan;

const TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where plans come from.
pub(crate) trait Schemas {
    /// The plan of a schema id.
    fn plan(&mut self, id: u32) -> Result<Arc<Plan>, Fault>;
}

pub(crate) struct Registry {
    http: reqwest::Client,
    runtime: Runtime,
    url: String,
    basic: Option<(String, String)>,
    stop: Stop,
    watch: Option<Watch>,
    texts: HashMap<u32, Arc<str>>,
    plans: HashMap<u32, Arc<Plan>>,
}

#[derive(Deserialize)]
struct Answer {
    schema: String,
}

impl Registry {
    pub(crate) fn new(settings: &Settings, stop: Stop) -> Result<Self, MirrorError> {
        // reqwest is built without a provider of its own, and panics where the process has none.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been quicker, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http =
            reqwest::Client::builder().timeout(TIMEOUT).build().map_err(MirrorError::RegistryClient)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let url = settings.registry.trim_end_matches('/').to_owned();
        let basic = settings.registry_basic.clone();
        Ok(Self {
            http,
            runtime,
            url,
            basic,
            stop,
            watch: None,
            texts: HashMap::new(),
            plans: HashMap::new(),
        })
    }

    /// Shows there whether the registry answers.
    pub(crate) fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// A schema's text.
    pub(crate) fn text(&mut self, id: u32) -> Result<Arc<str>, Fault> {
        if let Some(text) = self.texts.get(&id) {
            return Ok(Arc::clone(text));
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.ask(id);
            if let Some(watch) = &self.watch {
                let silent = answer.as_ref().ok().and_then(|answer| answer.as_ref().err());
                watch.registry_answered(silent.map_or(Ok(()), |reason| Err(reason.clone())));
            }
            match answer? {
                Ok(text) => {
                    let text: Arc<str> = text.into();
                    self.texts.insert(id, Arc::clone(&text));
                    return Ok(text);
                }
                Err(reason) => tracing::warn!(id, reason, "the registry did not answer; asking again"),
            }
            if self.stop.wait(pause) {
                return Err(Fault::Stopped);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The inner error is one to try again after.
    fn ask(&self, id: u32) -> Result<Result<String, String>, Fault> {
        let mut request = self.http.get(format!("{}/schemas/ids/{id}", self.url));
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password));
        }
        let answer = self.runtime.block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        match answer {
            Ok((StatusCode::OK, body)) => Ok(serde_json::from_slice(&body)
                .map(|answer: Answer| answer.schema)
                .map_err(|e| e.to_string())),
            Ok((StatusCode::NOT_FOUND, _)) => {
                Err(Fault::NoSchema { id, status: StatusCode::NOT_FOUND.to_string() })
            }
            Ok((status, _)) => Ok(Err(status.to_string())),
            Err(error) => Ok(Err(chain(&error.without_url()))),
        }
    }
}

impl Schemas for Registry {
    fn plan(&mut self, id: u32) -> Result<Arc<Plan>, Fault> {
        if let Some(plan) = self.plans.get(&id) {
            return Ok(Arc::clone(plan));
        }
        let text = self.text(id)?;
        let plan = Arc::new(Plan::compile(id, &text).map_err(|source| Fault::Schema { id, source })?);
        self.plans.insert(id, Arc::clone(&plan));
        Ok(plan)
    }
}
