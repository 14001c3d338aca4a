//! From a body to an answer: the token is judged before anything else is read, the answer is given after everything
//! is done.

use time::OffsetDateTime;

use super::answer::{self, Answer};
use super::defect::{Defect, Memory};
use super::envelope::{Call, Envelope};
use super::store::Store;
use super::{Identity, Keep, Settings, discard, trust};
use crate::wire::Operation;

/// What everybody is told whose token is not trusted: why is for nobody to learn.
const NOT_TRUSTED: &str = "the token is not accepted";

/// A response's status, media type and body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) media_type: &'static str,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn soap(status: u16, body: String) -> Self {
        Self { status, media_type: "text/xml; charset=utf-8", body }
    }
}

/// Answers calls of one application.
pub(super) struct Service {
    identity: Identity,
    keep: Keep,
    defect: Option<Defect>,
    memory: Memory,
    pub(super) store: Store,
}

impl Service {
    pub(super) fn new(identity: Identity, settings: Settings) -> Self {
        let Settings { keep, defect } = settings;
        Self { identity, keep, defect, memory: Memory::default(), store: Store::default() }
    }

    /// Answers a body, whatever it is.
    pub(super) fn answer(&self, body: &[u8]) -> Reply {
        let opened = std::str::from_utf8(body).ok().map(|document| (document, Envelope::open(document)));
        let Some((document, Ok(envelope))) = opened else {
            return self.fault("this is no call of IMirroringClientService in UTF-8");
        };
        let operation = envelope.operation;
        if self.defect.is_some_and(|defect| defect.cannot_read(document)) {
            return self.fault("the call cannot be read");
        }
        let Some(claims) = trust::accept(&self.identity, self.defect, operation, &envelope.token) else {
            return self.refusal(operation, NOT_TRUSTED.to_owned(), true);
        };
        if self.keep == Keep::Positions && operation == Operation::RowData {
            return self.reply(operation, self.discard(&claims.tenant, document));
        }
        match envelope.read_call() {
            Ok(call) => self.reply(operation, self.perform(&claims, call)),
            Err(error) => {
                self.mend(&claims, document);
                self.fault(&error.to_string())
            }
        }
    }

    /// A call of which only this came: it has no answer, and must not have any effect.
    pub(super) fn broken_off(&self, body: &[u8]) {
        if let Some(mended) = std::str::from_utf8(body).ok().and_then(|body| self.defect?.mended(body)) {
            self.answer(mended.as_bytes());
        }
    }

    /// The tenant of a call of which only this came so far, if its token is trusted.
    pub(super) fn tenant(&self, body: &[u8]) -> Option<String> {
        let envelope = Envelope::open(std::str::from_utf8(body).ok()?).ok()?;
        let claims = trust::accept(&self.identity, self.defect, envelope.operation, &envelope.token)?;
        Some(claims.tenant)
    }

    /// Success, for a call of which nothing more is known than this.
    pub(super) fn success(&self, body: &[u8]) -> Option<Reply> {
        let operation = Envelope::open(std::str::from_utf8(body).ok()?).ok()?.operation;
        let is_row_data = operation == Operation::RowData && self.tenant(body).is_some();
        is_row_data.then(|| self.reply(operation, Answer::Done))
    }

    fn mend(&self, claims: &trust::Claims, document: &str) {
        let mended = self.defect.and_then(|defect| defect.mended(document));
        let call = mended.as_deref().and_then(|mended| Envelope::open(mended).ok()?.read_call().ok());
        if let Some(call) = call {
            self.perform(claims, call);
        }
    }

    fn perform(&self, claims: &trust::Claims, call: Call) -> Answer {
        let honestly = |call: &Call| self.carry_out(claims, call);
        match self.defect {
            None => honestly(&call),
            Some(defect) => defect.carry_out((&self.store, &self.memory), &claims.tenant, call, honestly),
        }
    }

    fn carry_out(&self, claims: &trust::Claims, call: &Call) -> Answer {
        let tenant = &claims.tenant;
        let done = match call {
            Call::Authenticate => self.prove(&claims.nonce),
            Call::TableSchema(tables) => Ok(Answer::Positions(self.store.announce(tenant, tables))),
            Call::Wipe(table) => self.store.wipe(tenant, table).map(|()| Answer::Done),
            Call::RowData(batches) => self.store.write(tenant, batches).map(|()| Answer::Done),
            Call::Completed => Ok(Answer::Done),
        };
        done.unwrap_or_else(Answer::Failed)
    }

    fn prove(&self, nonce: &str) -> Result<Answer, String> {
        let proof = trust::prove(&self.identity.key, self.defect, nonce, OffsetDateTime::now_utc());
        proof.map(Answer::Authenticated).map_err(|_| "the answer cannot be signed".to_owned())
    }

    fn discard(&self, tenant: &str, document: &str) -> Answer {
        let positions =
            discard::positions(document).ok_or_else(|| "the call is not in the vendor's form".to_owned());
        let done = positions.and_then(|positions| self.store.advance(tenant, &positions));
        done.map_or_else(Answer::Failed, |()| Answer::Done)
    }

    fn reply(&self, operation: Operation, answer: Answer) -> Reply {
        match answer {
            Answer::Failed(message) => self.refusal(operation, message, false),
            done => Reply::soap(200, done.to_xml(operation)),
        }
    }

    fn refusal(&self, operation: Operation, message: String, is_token: bool) -> Reply {
        let body = Answer::Failed(message).to_xml(operation);
        self.refused(Reply::soap(200, body), is_token)
    }

    fn fault(&self, text: &str) -> Reply {
        self.refused(Reply::soap(500, answer::fault(text)), false)
    }

    fn refused(&self, reply: Reply, is_token: bool) -> Reply {
        match self.defect.and_then(|defect| defect.refusal(is_token)) {
            Some((status, media_type)) => Reply { status, media_type, body: "Server Error".to_owned() },
            None => reply,
        }
    }
}
