//! The run: all calls of a cycle with every type of data, and every kind of refusal, a canary in every field.

use operations_center::token::{CONTEXT_CLAIM, Token};
use operations_center::wire::{Batch, ColumnInfo, Operation, Request, Row, Summary, TableInfo};
use serde_json::json;
use ureq::Agent;

use crate::support::World;
use crate::support::bridge::Bridge;
use crate::support::jwt::Jwt;
use crate::support::vendor::{Call, Vendor, row, table, typed};

/// What the nonce of every accepted token begins with; it stands in no other text.
pub const NONCE: &str = "c0ffee00c0ffee11c0ffee22c0ff";
/// Values of the types that are no text, as they would be written.
pub const NUMBERS: [&str; 6] =
    ["1912837465", "87654321.1234", "0.918273645", "9182736450192837", "31337", "17263"];

pub fn canary(field: &str) -> String {
    format!("CANARY-{field}")
}

/// Everything that was sent and that came back.
pub struct Run {
    vendor: Vendor,
    url: String,
    agent: Agent,
    nonces: u32,
    pub answers: Vec<String>,
    pub tokens: Vec<String>,
}

fn everything() -> TableInfo {
    let columns = [
        ("id", "int"),
        ("money", "money"),
        ("float", "float"),
        ("bigint", "bigint"),
        ("smallint", "smallint"),
        ("ntext", "ntext"),
        ("binary", "varbinary(max)"),
        ("datetime", "datetime"),
        ("date", "date"),
        ("time", "time"),
        ("guid", "uniqueidentifier"),
        ("bit", "bit"),
        ("unknown", "geography"),
    ];
    let mut table = typed("everything", &columns);
    table.columns[5].default_value = canary("default");
    table
}

fn full_row(operation: &str) -> Row {
    use base64::Engine as _;
    let binary = base64::engine::general_purpose::STANDARD.encode(canary("binary"));
    let [int, money, float, bigint, small, days] = NUMBERS;
    assert_eq!(days, "17263", "the day below in days since 1970");
    let values = [
        format!("[I:{int}]"),
        format!("[M:{money}]"),
        format!("[F:{float}]"),
        format!("[I:{bigint}]"),
        format!("[S:{}]", &small[..4]),
        canary("ntext"),
        format!("[B:{binary}]"),
        "[DT:04/07/2017 10:40:43.0000000]".to_owned(),
        "[D:2017-04-07]".to_owned(),
        "[T:14:52]".to_owned(),
        "CA4A41E5-8B86-D011-B42D-00C04FC964FF".to_owned(),
        "True".to_owned(),
        canary("unknown"),
    ];
    let values: Vec<_> = values.iter().map(|value| Some(value.as_str())).collect();
    row(operation, &values)
}

fn rows(lsn: i64, rows: Vec<Row>) -> Request {
    Request::row_data(&[Batch { rows, lsn, table: everything() }])
}

impl Run {
    pub fn new(world: &World, bridge: &Bridge) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        Self {
            vendor: world.vendor(bridge),
            url: bridge.url.clone(),
            agent: config.into(),
            nonces: 0,
            answers: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// A token whose nonce can be found again, and a claim more.
    fn token(&mut self) -> Token {
        self.nonces += 1;
        let nonce = format!("{NONCE}{:04x}", self.nonces);
        self.vendor.token().claim("nonce", nonce).claim("other", canary("claim"))
    }

    /// Sends with a canary in every header that a caller chooses; gives the answer.
    fn send(&mut self, path: &str, operation: Operation, body: &[u8]) -> String {
        let action = format!("\"{}\"", operation.action());
        self.post(path, &[("SOAPAction", &action), ("Content-Type", "text/xml; charset=utf-8")], body)
    }

    fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        let own =
            [("X-Custom", canary("header")), ("User-Agent", canary("agent")), ("Cookie", canary("cookie"))];
        for (name, value) in own {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).unwrap();
        let head = format!("{} {:?}\n", answer.status(), answer.headers());
        let text = head + &answer.body_mut().read_to_string().unwrap();
        self.answers.push(text.clone());
        text
    }

    fn call(&mut self, request: Request) -> String {
        let token = self.token().sign().unwrap();
        let request = request.with_client_state(Some(&canary("state")));
        let Call { operation, body } = Call::with_token(&request, &token);
        self.tokens.push(token);
        self.send("", operation, &body)
    }

    fn succeed(&mut self, request: Request) {
        let answer = self.call(request);
        assert!(answer.contains("IsSuccessful>true<"), "{answer}");
    }

    fn fail(&mut self, request: Request, code: &str) {
        let answer = self.call(request);
        assert!(
            answer.contains("IsSuccessful>false<") && answer.contains(&format!(">{code}: ")),
            "{code}: {answer}"
        );
    }

    /// Calls that want something of Kafka and the registry, however they end.
    pub fn first_calls(&mut self) {
        self.call(Request::authenticate());
        self.call(Request::table_schema(&[everything()]));
        self.rows();
    }

    pub fn rows(&mut self) {
        self.call(rows(5, vec![full_row("I")]));
    }

    /// All five operations.
    pub fn good_cycle(&mut self) {
        self.vendor.later();
        self.succeed(Request::authenticate());
        self.succeed(Request::table_schema(&[everything(), table("person")]));
        self.succeed(Request::wipe("everything"));
        self.succeed(rows(0, vec![full_row("I"), full_row("U")]));
        // One key inserted twice while loading is an alarm.
        self.succeed(rows(5, vec![full_row("I"), full_row("I"), full_row("D"), full_row("I")]));
        let person = row("I", &[Some("[I:1]"), Some(&canary("person"))]);
        self.succeed(Request::row_data(&[Batch { rows: vec![person], lsn: 6, table: table("person") }]));
        let claimed = Summary { inserts: 3, table: "everything".into(), ..Summary::default() };
        self.succeed(Request::completed(&[claimed]));
        // A table goes.
        self.vendor.later();
        self.succeed(Request::authenticate());
        self.succeed(Request::table_schema(&[everything()]));
    }

    /// What anybody on the network can send.
    pub fn strangers(&mut self) {
        let good = self.token();
        let request = rows(9, vec![full_row("U")]).with_client_state(Some(&canary("state")));
        let tokens = [
            canary("token"),
            format!("{0}.{0}.{0}", canary("part")),
            good.clone().with_tampered_signature().sign().unwrap(),
            good.clone().claim("iss", canary("iss")).sign().unwrap(),
            good.clone().claim("aud", canary("aud")).sign().unwrap(),
            good.clone().claim("sub", canary("sub")).sign().unwrap(),
            good.clone().claim(CONTEXT_CLAIM, canary("ctx")).claim("sub", canary("ctx")).sign().unwrap(),
            good.clone().claim("nonce", canary("nonce")).sign().unwrap(),
            good.clone().claim("exp", canary("exp")).sign().unwrap(),
            good.clone().header("alg", canary("alg")).sign().unwrap(),
            good.clone().header("typ", canary("typ")).sign().unwrap(),
            good.clone().header("kid", canary("kid")).sign().unwrap(),
            good.clone().header("x5t", canary("x5t")).sign().unwrap(),
            good.clone().header("jku", json!(canary("jku"))).sign().unwrap(),
            Jwt::of(&good).claim("aud", &format!("\"{}\"", canary("twice"))).sign(),
        ];
        for token in tokens {
            let Call { operation, body } = Call::with_token(&request, &token);
            let answer = self.send("", operation, &body);
            assert!(answer.contains("the call was not accepted"), "{answer}");
            self.tokens.push(token);
        }
        self.no_calls(&good.sign().unwrap());
    }

    /// Neither calls nor even documents, and good calls at a wrong address.
    fn no_calls(&mut self, token: &str) {
        let Call { operation, body } = Call::with_token(&rows(9, vec![full_row("U")]), token);
        let text = String::from_utf8(body.clone()).unwrap();
        let mark = canary("document");
        let bodies = [
            mark.clone(),
            format!("<{mark}>{mark}</{mark}>"),
            format!("<!DOCTYPE a [<!ENTITY b \"{mark}\">]>{text}"),
            text.replace("RowDataRequest", &mark),
            text.replace("</s:Header>", &format!("<{mark} s:mustUnderstand=\"1\"/></s:Header>")),
            text.replace("<s:Body>", &format!("<s:Body {mark}:a=\"{mark}\">")),
            text.replace("</s:Body>", &format!("&{mark};</s:Body>")),
            text[..text.len() - 20].to_owned(),
        ];
        for body in bodies {
            let answer = self.send("", operation, body.as_bytes());
            assert!(answer.contains("Fault"), "{answer}");
        }
        let xml = "text/xml; charset=utf-8";
        let requests: [(&str, &[(&str, &str)]); 4] = [
            ("", &[("Content-Type", &mark)]),
            ("", &[("Content-Type", xml), ("SOAPAction", &mark)]),
            ("", &[("Content-Type", xml), ("Content-Encoding", &mark)]),
            ("/CANARY-path", &[("Content-Type", xml)]),
        ];
        for (path, headers) in requests {
            let answer = self.post(path, headers, &body);
            assert!(!answer.contains("IsSuccessful>true"), "{answer}");
        }
    }

    /// Refusals of good tokens: contents, tables, rows, order, a token used twice, and what is found by reading on.
    pub fn refusals(&mut self) {
        for (place, column) in everything().columns.iter().enumerate() {
            if matches!(column.sql_type.as_str(), "ntext" | "geography") {
                continue;
            }
            for wrong in
                [canary("wrong"), format!("[I:{}]", canary("wrong")), format!("[X:{}", canary("wrong"))]
            {
                let mut bad = full_row("I");
                bad.values[place] = Some(wrong);
                self.fail(rows(9, vec![full_row("U"), bad]), "BAD_CONTENT");
            }
        }
        self.fail(rows(9, vec![full_row(&canary("operation"))]), "BAD_CONTENT");
        let mut short = full_row("I");
        short.values.pop();
        self.fail(rows(9, vec![short]), "BAD_CONTENT");
        let mut no_key = full_row("U");
        no_key.values[0] = None;
        self.fail(rows(9, vec![no_key]), "BAD_ROW");
        let large = [Some("[I:1]".to_owned()), Some(canary("large") + &"x".repeat(9_000_000))];
        let large = Row { values: [&large[..], &large[1..]].concat(), operation: "I".to_owned() };
        let wide = typed("wide", &[("id", "int"), ("a", "ntext"), ("b", "ntext")]);
        self.fail(Request::row_data(&[Batch { rows: vec![large], lsn: 9, table: wide }]), "BAD_ROW");
        let nullable = ColumnInfo { is_nullable: true, ..everything().columns[5].clone() };
        let columns = vec![ColumnInfo { sql_type: "int".to_owned(), ..nullable.clone() }, nullable];
        let odd = TableInfo { table: "everything".to_owned(), columns };
        self.fail(Request::table_schema(&[odd]), "BAD_CONTENT");
        self.vendor.later();
        self.fail(Request::table_schema(&[table("a.b")]), "BAD_TABLE");
        self.used_twice();
        // Contradictions last: they stop the table.
        self.fail(rows(1, vec![full_row("U")]), "BAD_TABLE");
        self.fail(rows(9, vec![full_row("U")]), "BAD_TABLE");
        self.vendor.set_now(-300);
        self.fail(rows(9, vec![full_row("U")]), "REFUSED");
    }

    fn used_twice(&mut self) {
        let token = self.token().sign().unwrap();
        for name in ["first", "second"] {
            let request = rows(0, vec![full_row("U")]).with_client_state(Some(&canary(name)));
            let Call { operation, body } = Call::with_token(&request, &token);
            let answer = self.send("", operation, &body);
            assert_eq!(answer.contains("IsSuccessful>true"), name == "first", "{answer}");
        }
        self.tokens.push(token);
    }
}
