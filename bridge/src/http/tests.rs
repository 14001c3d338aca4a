//! The public face without Kafka: what is refused before a bus is asked, and what describes the service.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use mirrorbus_schemas::topic::Prefix;
use tower::ServiceExt;

use super::{Receiver, ReceiverSettings, router};
use crate::auth::testing::{APPLICATION_ID, NOW, Token, certificate, other_key, signer, vendor_key};
use crate::auth::{Applications, Trust, Verifier};
use crate::bus::Bus;
use crate::bus::registry::RegistrySettings;
use crate::bus::settings::BusSettings;
use crate::clock::Clock;
use crate::soap::Limits;

const PATH: &str = "/MirroringClientService.svc";
const MIRRORING: &str = "http://www.superoffice.com/online/mirroring/0.1";

struct At(i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0 * 1000
    }
}

/// A receiver whose Kafka is not there.
fn receiver() -> Arc<Receiver> {
    let settings = BusSettings {
        prefix: Prefix::new("crm").unwrap(),
        bootstrap_servers: "127.0.0.1:9".to_owned(),
        properties: Default::default(),
        partitions: 1,
        replication_factor: 1,
        min_insync_replicas: 1,
        max_record_bytes: 1024,
        delete_retention: Duration::from_secs(60),
        ignore_tables: Default::default(),
        key_columns: Default::default(),
        on_wipe: Default::default(),
    };
    let registry = RegistrySettings { url: "http://127.0.0.1:9".to_owned(), basic: None };
    let clock = Arc::new(At(NOW));
    let runtime = tokio::runtime::Handle::current();
    let bus = Bus::new(settings, registry, clock.clone(), runtime).unwrap();
    let trust = Trust {
        verifier: Verifier::new("SuperOffice AS", APPLICATION_ID, vec![certificate(vendor_key())]),
        signer: signer(),
        allowed_tenants: None,
    };
    let settings = ReceiverSettings {
        path: PATH.to_owned(),
        public_url: "https://mirror.example.com/MirroringClientService.svc".to_owned(),
        call_timeout: Duration::from_secs(45),
        refuse_reused_tokens: false,
        head_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(45),
        max_body_bytes: 100_000,
        max_bytes_in_flight: 1_000_000,
        limits: Limits::default(),
    };
    Arc::new(Receiver::new(settings, Applications::new(vec![(trust, Arc::new(bus))]), clock))
}

fn call(operation: &str, token: &str, inner: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
         <h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{MIRRORING}\">\n{token}\n</h:SignedToken></s:Header>\
         <s:Body><{operation}Request xmlns=\"{MIRRORING}\">{inner}</{operation}Request></s:Body></s:Envelope>"
    )
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(Method::POST).uri(path);
    request.header("content-type", "text/xml; charset=utf-8").body(body.into()).unwrap()
}

async fn answer(request: Request<Body>) -> (StatusCode, String) {
    let response = router(receiver()).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn good_token() -> String {
    Token::good().sign(vendor_key())
}

#[tokio::test]
async fn a_browser_sees_a_page_and_a_tool_both_descriptions_with_the_public_address() {
    let get = |query: &str| Request::get(format!("{PATH}{query}")).body(Body::empty()).unwrap();
    let (status, page) = answer(get("")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("https://mirror.example.com/MirroringClientService.svc?wsdl"));
    for query in ["?wsdl", "?WSDL", "?singleWsdl"] {
        let (status, document) = answer(get(query)).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        assert!(
            document.contains("location=\"https://mirror.example.com/MirroringClientService.svc"),
            "{query}"
        );
    }
    assert_eq!(answer(get("?other")).await.0, StatusCode::NOT_FOUND);
    let head = Request::head(PATH).body(Body::empty()).unwrap();
    assert_eq!(answer(head).await, (StatusCode::OK, String::new()));
}

#[tokio::test]
async fn other_methods_and_paths_are_not_served() {
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let request = Request::builder().method(method.clone()).uri(PATH).body(Body::empty()).unwrap();
        assert_eq!(answer(request).await.0, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(answer(post("/", "")).await.0, StatusCode::NOT_FOUND);
    for below in ["Wipe/x", "wipe", "Drop", "..%2fWipe", ""] {
        assert_eq!(answer(post(&format!("{PATH}/{below}"), "")).await.0, StatusCode::NOT_FOUND, "{below}");
    }
}

#[tokio::test]
async fn only_plain_utf8_text_xml_is_read() {
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-type", "application/soap+xml"),
        ("content-type", "text/xml; charset=iso-8859-1"),
        ("content-type", "text/xml; charset=\"utf-16\""),
        ("content-type", ""),
        ("content-encoding", "gzip"),
    ] {
        let mut request = post(PATH, call("Wipe", &good_token(), ""));
        request.headers_mut().insert(name, value.parse().unwrap());
        let (status, _) = answer(request).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{name}: {value}");
    }
    for (name, values) in [
        ("content-type", ["text/xml; charset=utf-8", "text/xml; charset=utf-16"]),
        ("content-encoding", ["identity", "gzip"]),
    ] {
        let mut request = post(PATH, call("Wipe", &good_token(), ""));
        request.headers_mut().remove(name);
        for value in values {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        assert_eq!(answer(request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{name} twice");
    }
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_whether_announced_or_not() {
    let long = call("Wipe", &good_token(), &" ".repeat(100_000));
    let mut announced = post(PATH, long.clone());
    announced.headers_mut().insert("content-length", long.len().into());
    assert_eq!(answer(announced).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer(post(PATH, long)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_refusal_before_the_token_counts_has_one_text_and_a_reference() {
    let stranger = Token::good().sign(other_key());
    let (status, body) = answer(post(PATH, call("Wipe", &stranger, ""))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("<WipeResponse xmlns="), "{body}");
    assert!(body.contains("<IsSuccessful>false</IsSuccessful>"), "{body}");
    assert!(body.contains("<ErrorMessage>the call was not accepted (ref "), "{body}");
    for broken in ["", "no xml", "<a/>", "<!DOCTYPE a><a/>"] {
        let (status, body) = answer(post(PATH, broken)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{broken}");
        assert!(body.contains("<faultstring>the call was not accepted (ref "), "{broken}: {body}");
    }
}

#[tokio::test]
async fn a_stranger_is_answered_before_the_rest_of_the_body_is_read() {
    let envelope = call("RowData", &Token::good().sign(other_key()), &" ".repeat(40_000));
    let first = bytes::Bytes::from(envelope).slice(..super::body::HEAD_BYTES);
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(first)]);
    let endless = futures_util::StreamExt::chain(chunks, futures_util::stream::pending());
    let (status, body) = answer(post(PATH, Body::from_stream(endless))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("<RowDataResponse xmlns="), "{body}");
}

#[tokio::test]
async fn action_address_and_body_must_name_the_same_operation() {
    let wipe = || call("Wipe", &good_token(), "");
    let with_action = |action: &str| {
        let mut request = post(PATH, wipe());
        request.headers_mut().insert("soapaction", action.parse().unwrap());
        request
    };
    let service = format!("{MIRRORING}/IMirroringClientService");
    for agreeing in
        [format!("\"{service}/Wipe\""), format!("{service}/Wipe"), String::new(), "\"\"".to_owned()]
    {
        // TableName is missing: the contents were looked at.
        let (status, body) = answer(with_action(&agreeing)).await;
        assert_eq!(status, StatusCode::OK, "{agreeing}");
        assert!(body.contains("BAD_CONTENT: tenant Cust1, TableName is missing (ref "), "{agreeing}: {body}");
    }
    for other in
        [format!("\"{service}/RowData\""), format!("{service}/wipe"), service.replace("0.1", "0.2") + "/Wipe"]
    {
        let (status, body) = answer(with_action(&other)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{other}");
        assert!(body.contains("<faultcode>s:Client</faultcode>"), "{body}");
    }
    let at = |operation: &str| post(&format!("{PATH}/{operation}"), wipe());
    assert_eq!(answer(at("Wipe")).await.0, StatusCode::OK);
    assert_eq!(answer(at("RowData")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_accepted_caller_learns_the_place_and_the_rule_but_never_the_value() {
    let columns = "<d:TableInfo><d:Columns><d:ColumnInfo><d:Name>id</d:Name><d:Type>int</d:Type></d:ColumnInfo>\
                   </d:Columns><d:TableName>contact</d:TableName></d:TableInfo>";
    let rows = "<d:Data><d:RowData><d:ColumnValues><a:string>CANARY</a:string></d:ColumnValues>\
                <d:Operation>I</d:Operation></d:RowData></d:Data>";
    let inner = format!(
        "<DataBatches xmlns:d=\"http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1\" \
         xmlns:a=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\"><d:RowDataBatch>{rows}{columns}\
         </d:RowDataBatch></DataBatches>"
    );
    let (status, body) = answer(post(PATH, call("RowData", &good_token(), &inner))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("tenant Cust1, table contact, row 1, column id"), "{body}");
    assert!(!body.contains("CANARY"), "{body}");
}
