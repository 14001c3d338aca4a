//! A case is an input and the answer that it must get; a ground is where cases are played: a tenant with one row, and
//! a bridge.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::event::Kind;
use operations_center::token::Token;
use operations_center::wire::Request;

use crate::support::bridge::Bridge;
use crate::support::raw::{self, Post, Reply};
use crate::support::vendor::Vendor;
use crate::support::world::application;
use crate::support::{World, batch, contact, wait_until};

/// What a caller without an accepted token is told.
pub const STRANGER: &str = "the call was not accepted (ref ";

/// What must come back.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// One of these statuses, with next to no body.
    Http(&'static [u16]),
    /// A SOAP fault with this code.
    Fault(&'static str),
    /// The operation's answer without success, whose message begins so.
    Failed(&'static str),
    /// The connection's end, without a word.
    Nothing,
    /// Success, and row 1 has this name from now on, after the number that [`Maker::named`] put in front.
    Row(&'static str),
}

type Bytes = Box<dyn Fn(&Maker) -> Vec<u8>>;

enum Play {
    /// One request and its answer, within a time.
    Send(Bytes, Answer, Duration),
    /// More than one request; nothing may move.
    Scene(fn(&Maker)),
    /// The same; takes seconds, and is played at the same time as others of its kind.
    Slow(fn(&Maker)),
    /// What moves something and says itself what.
    Story(fn(&mut Ground)),
}

/// A row of the list, or one of its inputs.
pub struct Case {
    pub id: String,
    play: Play,
}

/// Debug builds on two cores that others use: what takes longer costs more than a call may.
const USUAL: Duration = Duration::from_secs(5);

impl Case {
    pub fn new(id: &str, answer: Answer, bytes: impl Fn(&Maker) -> Vec<u8> + 'static) -> Self {
        Self { id: id.to_owned(), play: Play::Send(Box::new(bytes), answer, USUAL) }
    }

    /// A POST of a body.
    pub fn body(id: &str, answer: Answer, body: impl Fn(&Maker) -> String + 'static) -> Self {
        Self::new(id, answer, move |maker| Post::new(body(maker)).bytes())
    }

    pub fn scene(id: &str, scene: fn(&Maker)) -> Self {
        Self { id: id.to_owned(), play: Play::Scene(scene) }
    }

    pub fn slow(id: &str, scene: fn(&Maker)) -> Self {
        Self { id: id.to_owned(), play: Play::Slow(scene) }
    }

    pub fn story(id: &str, story: fn(&mut Ground)) -> Self {
        Self { id: id.to_owned(), play: Play::Story(story) }
    }

    /// The answer must be there in time, measured from the first byte sent.
    pub fn within(mut self, at_most: Duration) -> Self {
        if let Play::Send(_, _, within) = &mut self.play {
            *within = at_most;
        }
        self
    }
}

/// Cases `BI-10a`, `BI-10b` and so on.
pub fn each<T: 'static>(
    row: &str,
    answer: Answer,
    inputs: impl IntoIterator<Item = T>,
    bytes: impl Fn(&Maker, &T) -> Vec<u8> + Copy + 'static,
) -> Vec<Case> {
    let named = inputs.into_iter().enumerate();
    named
        .map(|(number, input)| Case::new(&sub_id(row, number), answer, move |maker| bytes(maker, &input)))
        .collect()
}

/// The same for bodies.
pub fn each_body<T: 'static>(
    row: &str,
    answer: Answer,
    inputs: impl IntoIterator<Item = T>,
    body: impl Fn(&Maker, &T) -> String + Copy + 'static,
) -> Vec<Case> {
    each(row, answer, inputs, move |maker, input| Post::new(body(maker, input)).bytes())
}

/// `a` to `z`, then `za` to `zz`.
fn sub_id(row: &str, number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number).unwrap());
    match number {
        0..26 => format!("{row}{}", letter(number)),
        _ => format!("{row}z{}", letter(number - 26)),
    }
}

/// Makes calls of one tenant, for threads too.
pub struct Maker {
    pub address: String,
    tenant: String,
    token_time: i64,
    named: AtomicU32,
}

impl Maker {
    pub fn token(&self) -> Token {
        Token::new(application(), &self.tenant, self.token_time)
    }

    /// A token that the bridge takes.
    pub fn good(&self) -> String {
        self.token().sign().unwrap()
    }

    /// A token that it does not.
    pub fn bad(&self) -> String {
        self.token().with_tampered_signature().sign().unwrap()
    }

    /// A genuine call that gives row 1 a name: a number, so that no two are the same, and `written` as it is, markup
    /// and all.
    pub fn named(&self, written: &str) -> String {
        self.with_token(&self.good(), written)
    }

    pub fn with_token(&self, token: &str, written: &str) -> String {
        let request = Request::row_data(&[batch(&contact(), 0, &[("U", 1, "@name@")])]);
        let body = String::from_utf8(request.envelope(token)).unwrap();
        body.replace("@name@", &self.numbered(written))
    }

    /// The name with the next number in front.
    pub fn numbered(&self, name: &str) -> String {
        format!("{} {name}", self.named.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The name with the newest number in front.
    pub fn meant(&self, name: &str) -> String {
        format!("{} {name}", self.named.load(Ordering::Relaxed))
    }

    /// A genuine call by another operation.
    pub fn call(&self, request: &Request) -> String {
        String::from_utf8(request.envelope(&self.good())).unwrap()
    }

    pub fn exchange(&self, bytes: &[u8]) -> Vec<Reply> {
        raw::exchange(&self.address, bytes)
    }
}

pub struct Ground {
    pub world: World,
    pub bridge: Bridge,
    pub vendor: Vendor,
    pub maker: Maker,
    /// The name of the only row.
    name: String,
}

impl Ground {
    /// A tenant whose table has one row, and a bridge with `more` in its configuration.
    pub fn new(more: &str) -> Self {
        let world = World::new();
        let bridge = world.bridge_with(more);
        let vendor = world.vendor(&bridge);
        vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "begin")])]);
        let token_time = vendor.later().token().not_before().unwrap();
        let maker = Maker {
            address: bridge.address().to_owned(),
            tenant: world.tenant.clone(),
            token_time,
            named: AtomicU32::new(0),
        };
        Self { world, bridge, vendor, maker, name: "begin".to_owned() }
    }

    /// Plays all cases, those that take seconds at the same time, and names at the end all that failed.
    pub fn play(&mut self, cases: Vec<Case>) {
        let is_slow = |case: &Case| matches!(case.play, Play::Slow(_));
        let (slow, others): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(is_slow);
        let mut failed: Vec<&String> = Vec::new();
        for case in &others {
            if catch_unwind(AssertUnwindSafe(|| self.play_one(case))).is_err() {
                failed.push(&case.id);
            }
        }
        let before = self.ends();
        std::thread::scope(|scope| {
            let maker = &self.maker;
            let played = slow.iter().filter_map(|case| match &case.play {
                Play::Slow(scene) => Some((&case.id, scope.spawn(move || scene(maker)))),
                _ => None,
            });
            for (id, played) in played.collect::<Vec<_>>() {
                if played.join().is_err() {
                    failed.push(id);
                }
            }
        });
        assert!(failed.is_empty(), "of the cases above these failed: {failed:?}");
        self.assert_unmoved(before, "a slow case");
        assert_eq!(self.world.contacts(), [(1, Some(self.name.clone()))]);
    }

    fn play_one(&mut self, case: &Case) {
        let id = &case.id;
        let before = self.ends();
        match &case.play {
            Play::Slow(_) => {}
            Play::Story(story) => story(self),
            Play::Scene(scene) => {
                scene(&self.maker);
                self.assert_unmoved(before, id);
            }
            Play::Send(bytes, answer, within) => {
                let bytes = bytes(&self.maker);
                let began = Instant::now();
                let replies = self.maker.exchange(&bytes);
                let took = began.elapsed();
                check(id, *answer, &replies);
                assert!(took < *within, "{id} took {took:?}");
                match answer {
                    Answer::Row(name) => self.expect(id, name),
                    _ => self.assert_unmoved(before, id),
                }
            }
        }
    }

    /// After a cycle of the vendor's: calls to come are not older than it.
    pub fn renew(&mut self) {
        self.maker.token_time = self.vendor.token().not_before().unwrap();
    }

    /// Row 1 has the newest name now, and there is no other row.
    pub fn expect(&mut self, id: &str, name: &str) {
        self.name = self.maker.meant(name);
        assert_eq!(self.world.contacts(), [(1, Some(self.name.clone()))], "{id}");
    }

    /// No row and no position moved. Of rows that are refused for what they hold an event tells, and nothing else.
    fn assert_unmoved(&self, before: [i64; 3], id: &str) {
        let [positions, events, rows] = self.ends();
        assert_eq!([positions, rows], [before[0], before[2]], "{id} wrote something");
        if events != before[1] {
            let newest = self.world.events().pop().map(|event| event.kind);
            assert_eq!(newest, Some(Kind::RowsRefused), "{id} is told of");
        }
    }

    /// Ends of the tenant's positions, events and rows, once the markers of what was committed stand in them.
    pub fn ends(&self) -> [i64; 3] {
        let cycles = self.world.positions().replace(".positions", ".cycles");
        let topics = [self.world.positions(), cycles, self.world.topic("contact")];
        let ends = |isolation| self.world.cluster.ends(&topics, isolation);
        let mut settled = ends(Isolation::ReadCommitted);
        wait_until("no transaction is open", || {
            let all = ends(Isolation::ReadUncommitted);
            all == std::mem::replace(&mut settled, ends(Isolation::ReadCommitted)) && all == settled
        });
        settled
    }
}

/// Whether exactly one response came, and it is the right one.
#[track_caller]
pub fn check(id: &str, answer: Answer, replies: &[Reply]) {
    let [reply] = replies else {
        assert!(
            matches!(answer, Answer::Nothing) && replies.is_empty(),
            "{id}: not {answer:?} but {replies:?}"
        );
        return;
    };
    let fits = match answer {
        Answer::Nothing => false,
        Answer::Http(statuses) => statuses.contains(&reply.status) && reply.body.len() < 100,
        Answer::Fault(code) => {
            let code = format!("<s:Fault><faultcode>s:{code}</faultcode><faultstring>");
            reply.status == 500
                && is_soap(reply)
                && reply.body.contains(&code)
                && reply.body.contains("(ref ")
        }
        Answer::Failed(begin) => {
            let message = format!("<IsSuccessful>false</IsSuccessful><ErrorMessage>{begin}");
            reply.status == 200 && is_soap(reply) && reply.body.contains(&message)
        }
        Answer::Row(_) => {
            reply.status == 200 && is_soap(reply) && reply.body.contains("<IsSuccessful>true</IsSuccessful>")
        }
    };
    assert!(fits, "{id}: not {answer:?} but {reply:?}");
    let is_last = reply.head.starts_with("http/1.0") || reply.head.contains("connection: close\r\n");
    assert!(is_last, "{id}: {reply:?}");
}

fn is_soap(reply: &Reply) -> bool {
    reply.head.contains("content-type: text/xml; charset=utf-8\r\n")
}

/// White space may follow an envelope: the same call, so many bytes long.
pub fn padded(mut body: String, bytes: usize) -> String {
    body.extend(std::iter::repeat_n(' ', bytes - body.len()));
    body
}
