//! The schema registry: whether it answers, keeps schemas and ids, and refuses what does not fit.
//!
//! Spoken to directly, not with the bridge's client: what counts here is the status of each answer. The subject is
//! the check's own, `<prefix>-sys.mirrorbus-check.<when>-<chance>-value`, and is deleted at the end; a registry that
//! deletes nothing keeps one, `<prefix>-sys.mirrorbus-check.kept-value`.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::runtime::Runtime;

use super::clock::Other;
use super::{Check, NAME, unique};
use crate::bus::registry::{RegistrySettings, ensure_tls_provider};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Application, with_causes};

const ITEM: &str = "registry";
const PROBE: &str = "registry probe subject";
/// Where Apicurio has Confluent's interface.
const APICURIO: &str = "/apis/ccompat/v7";
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// What the registry said.
struct Answer {
    status: StatusCode,
    body: Value,
    clock: Option<Other>,
}

/// A registry under question.
struct Asked<'a> {
    settings: &'a RegistrySettings,
    http: Client,
    runtime: &'a Runtime,
    patience: Duration,
}

/// A probe that did not go as it must: what was found, and what to do.
type Wrong = (String, String);

/// Tries what a call does. Gives the registry's clock.
pub(super) fn check(check: &mut Check<'_>, application: &Application, runtime: &Runtime) -> Option<Other> {
    let settings = &application.registry;
    check.step(&format!("registry at {}", settings.url));
    ensure_tls_provider();
    let http = match Client::builder().build() {
        Ok(http) => http,
        Err(error) => {
            check.fault(
                ITEM,
                format!("no client can be made: {}", with_causes(&error)),
                "correct registry.url",
            );
            return None;
        }
    };
    let asked = Asked { settings, http, runtime, patience: check.patience() };
    let answer = match asked.ask(Method::GET, "/subjects", None) {
        Ok(answer) => answer,
        Err(reason) => {
            let advice = "is the registry running there, and is registry.url its address?";
            check.fault(ITEM, format!("{} does not answer: {reason}", settings.url), advice);
            return None;
        }
    };
    if answer.status.is_success() && answer.body.is_array() {
        check.ok(ITEM, format!("{} answers: {}", settings.url, asked.name()));
        probe(check, &asked, &format!("{}-sys.{NAME}", application.bus.prefix));
    } else {
        let (found, advice) = asked.explain(&answer);
        check.fault(ITEM, found, advice);
    }
    answer.clock
}

fn probe(check: &mut Check<'_>, asked: &Asked<'_>, root: &str) {
    check.step(PROBE);
    let mut subject = format!("{root}.{}-value", unique());
    // What is not there cannot be found, unless nothing can be deleted at all.
    let may_delete = asked.delete(&subject).is_ok_and(|status| status == StatusCode::NOT_FOUND);
    if !may_delete {
        subject = format!("{root}.kept-value");
    }
    match asked.probe(&subject) {
        Ok(()) => {
            check.ok(PROBE, "registered, read back by its id, and a schema that does not fit was refused");
        }
        Err((found, advice)) => check.fault(PROBE, found, advice),
    }
    if !may_delete {
        return check.ok(PROBE, format!("{subject} stays: the registry deletes nothing"));
    }
    match asked.delete(&subject) {
        Ok(status) if status.is_success() || status == StatusCode::NOT_FOUND => {}
        Ok(status) => check.warning(PROBE, format!("{subject} stays: {status}"), "delete it by hand"),
        Err(reason) => check.warning(PROBE, format!("{subject} stays: {reason}"), "delete it by hand"),
    }
}

/// A schema with a property of ours, which must come back: readers look there for the source's types.
fn schema(kind: &str, sql_type: &str) -> String {
    json!({
        "type": "record",
        "name": "Probe",
        "namespace": "mirrorbus.check",
        "fields": [{"name": "id", "type": kind, "sqlType": sql_type}],
    })
    .to_string()
}

impl Asked<'_> {
    fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, String> {
        self.ask_at(&format!("{}{path}", self.settings.url), method, body)
    }

    fn ask_at(&self, url: &str, method: Method, body: Option<Value>) -> Result<Answer, String> {
        let mut request = self.http.request(method, url).timeout(self.patience).header("Accept", ACCEPT);
        if let Some((user, password)) = &self.settings.basic {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(body) = body {
            request = request.header("Content-Type", CONTENT).body(body.to_string());
        }
        let before = SystemClock.now_ms();
        self.runtime.block_on(async {
            let answer = request.send().await.map_err(|error| with_causes(&error.without_url()))?;
            let (status, after) = (answer.status(), SystemClock.now_ms());
            let date = answer.headers().get("Date").and_then(|date| date.to_str().ok());
            let clock = date
                .and_then(seconds)
                .map(|date| Other::new("the registry", date * 1000, before, after, 1000));
            let text = answer.text().await.map_err(|error| with_causes(&error.without_url()))?;
            Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), clock })
        })
    }

    /// Which registry it says it is.
    fn name(&self) -> String {
        let text = |answer: &Answer, key: &str| answer.body[key].as_str().map(str::to_owned);
        if let Some((base, _)) = self.settings.url.split_once("/apis/ccompat/") {
            let info = self.ask_at(&format!("{base}/apis/registry/v3/system/info"), Method::GET, None);
            if let Some((name, version)) =
                info.ok().and_then(|info| text(&info, "name").zip(text(&info, "version")))
            {
                return format!("{name} {version}");
            }
        }
        let info = self.ask(Method::GET, "/v1/metadata/version", None).ok();
        match info.and_then(|info| text(&info, "version")) {
            Some(version) => format!("Confluent Schema Registry {version}"),
            None => "a registry with Confluent's interface".to_owned(),
        }
    }

    /// Why an address is not that of a registry's interface.
    fn explain(&self, answer: &Answer) -> Wrong {
        let (url, status) = (&self.settings.url, answer.status);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let advice = "correct registry.user and registry.password_file, or the user's rights there";
                (format!("{url}/subjects: {status}"), advice.to_owned())
            }
            status if status.is_server_error() => {
                (format!("{url}/subjects: {status}"), "look at the registry's log".to_owned())
            }
            _ => {
                let found = match status.is_success() {
                    true => format!("{url}/subjects is no list of subjects"),
                    false => format!("{url}/subjects: {status}"),
                };
                (found, self.better_place())
            }
        }
    }

    fn better_place(&self) -> String {
        let base = reqwest::Url::parse(&self.settings.url).map(|url| url.origin().ascii_serialization());
        let place = base.map(|base| format!("{base}{APICURIO}")).unwrap_or_default();
        let found = self.ask_at(&format!("{place}/subjects"), Method::GET, None);
        if found.is_ok_and(|found| found.status.is_success() && found.body.is_array()) {
            return format!("set registry.url to {place}, where one answers");
        }
        format!("registry.url must be the base of Confluent's interface; with Apicurio it ends in {APICURIO}")
    }

    fn delete(&self, subject: &str) -> Result<StatusCode, String> {
        self.ask(Method::DELETE, &format!("/subjects/{subject}"), None).map(|answer| answer.status)
    }

    fn register(&self, subject: &str, schema: &str) -> Result<Answer, Wrong> {
        let body = json!({"schema": schema});
        self.ask(Method::POST, &format!("/subjects/{subject}/versions"), Some(body))
            .map_err(|reason| (format!("{}: register: {reason}", self.settings.url), retry()))
    }

    /// FULL as the bridge sets it; never NONE, which another check at the same subject would meet.
    fn probe(&self, subject: &str) -> Result<(), Wrong> {
        let good = schema("int", "int");
        let id = self.registered(subject, &good)?;
        self.require_full(subject)?;
        let refused = self.register(subject, &schema("string", "nvarchar(10)"))?;
        if refused.status.is_success() {
            let found = "a schema that does not fit was accepted under FULL".to_owned();
            return Err((found, "let the registry check compatibility per subject".to_owned()));
        }
        if refused.status != StatusCode::CONFLICT {
            let found = format!("a schema that does not fit was answered with {}, not 409", refused.status);
            return Err((found, retry()));
        }
        let again = self.registered(subject, &good)?;
        if again != id {
            let found = format!("the same schema got id {again} after {id}");
            return Err((found, "use a registry whose ids are stable: records name them".to_owned()));
        }
        self.read_back(id, &good)
    }

    fn registered(&self, subject: &str, schema: &str) -> Result<u64, Wrong> {
        let answer = self.register(subject, schema)?;
        match answer.body["id"].as_u64().filter(|_| answer.status.is_success()) {
            Some(id) => Ok(id),
            None => Err((format!("registering {subject}: {}", answer.status), allow())),
        }
    }

    fn require_full(&self, subject: &str) -> Result<(), Wrong> {
        let body = json!({"compatibility": "FULL"});
        let answer = self
            .ask(Method::PUT, &format!("/config/{subject}"), Some(body))
            .map_err(|reason| (format!("{}: setting FULL: {reason}", self.settings.url), retry()))?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err((format!("setting FULL on {subject}: {}", answer.status), allow())),
        }
    }

    fn read_back(&self, id: u64, schema: &str) -> Result<(), Wrong> {
        let answer = self
            .ask(Method::GET, &format!("/schemas/ids/{id}"), None)
            .map_err(|reason| (format!("{}: schema {id}: {reason}", self.settings.url), retry()))?;
        let stored = answer.body["schema"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        if stored.is_some() && stored == serde_json::from_str(schema).ok() {
            return Ok(());
        }
        let found = format!("schema {id} does not come back as it was registered ({})", answer.status);
        Err((found, "use a registry that keeps schemas with their own properties".to_owned()))
    }
}

fn retry() -> String {
    "look at the registry's log, then check again".to_owned()
}

fn allow() -> String {
    "let the user register schemas and set compatibility for subjects".to_owned()
}

/// Seconds since 1970 of an HTTP date.
fn seconds(date: &str) -> Option<i64> {
    // HTTP says GMT where the mail's form says +0000.
    let date = date.strip_suffix("GMT").map(|date| format!("{date}+0000"))?;
    OffsetDateTime::parse(&date, &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_read_and_anything_else_is_not() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for text in ["", "yesterday", "Sun, 06 Nov 1994 08:49:37", "1994-11-06T08:49:37Z"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
