//! HTTP: BI-01 to BI-22.

use std::time::Duration;

use super::case::{Answer, Case, Ground, Maker, each};
use super::connection;
use crate::support::raw::{PATH, Post};

/// Short times for a head and for a whole body, and few places.
const LIMITS: &str = "[limits]\nheader_timeout_seconds = 2\nbody_timeout_seconds = 4\nmax_connections = 64\nmax_bytes_in_flight = 67108864\n";
pub const HEAD: Duration = Duration::from_secs(2);
pub const BODY: Duration = Duration::from_secs(4);
const CANARY: &str = "203.0.113.77";

#[test]
fn http_that_is_no_call_is_refused_and_moves_nothing() {
    let mut ground = Ground::new(LIMITS);
    ground.play(cases());
    assert!(!ground.bridge.log().contains(CANARY), "a header's value is in the log");
    ground.bridge.stop();
}

pub fn cases() -> Vec<Case> {
    [methods_and_paths(), media_types(), lengths(), framings(), heads(), connection::cases()]
        .into_iter()
        .flatten()
        .collect()
}

const BAD_REQUEST: Answer = Answer::Http(&[400]);
pub const UNSUPPORTED: Answer = Answer::Http(&[415]);

pub fn genuine(maker: &Maker) -> Post {
    Post::new(maker.named("x"))
}

fn methods_and_paths() -> Vec<Case> {
    let mut cases = vec![Case::scene("BI-01", the_service_describes_itself)];
    cases.extend(each(
        "BI-02",
        Answer::Http(&[405]),
        ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "post"],
        |maker, method| genuine(maker).line(&format!("{method} {PATH} HTTP/1.1")).bytes(),
    ));
    // A target that is no path is refused before its method is looked at.
    cases.extend(each("BI-02CONNECT", Answer::Http(&[400, 405]), ["mirror:443", PATH], |maker, target| {
        genuine(maker).line(&format!("CONNECT {target} HTTP/1.1")).bytes()
    }));
    let unknown = [
        "/",
        "/x",
        "/MirroringClientService.svc/",
        "/MirroringClientService.svc/Drop",
        "/MirroringClientService.svc/wipe",
        "/MirroringClientService.svc/RowData/x",
        "/mirroringclientservice.svc",
    ];
    cases.extend(each("BI-03", Answer::Http(&[404]), unknown, |maker, path| {
        genuine(maker).line(&format!("POST {path} HTTP/1.1")).bytes()
    }));
    cases
}

fn the_service_describes_itself(maker: &Maker) {
    let address = format!("http://{}{PATH}", maker.address);
    let ask = |line: &str| {
        let replies =
            maker.exchange(format!("{line} HTTP/1.1\r\nHost: other.example.com\r\n\r\n").as_bytes());
        assert_eq!(replies.len(), 1, "{line}");
        replies.into_iter().next().unwrap()
    };
    let page = ask(&format!("GET {PATH}"));
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html") && page.body.contains(&format!("{address}?wsdl")));
    for query in ["?wsdl", "?singleWsdl"] {
        let description = ask(&format!("GET {PATH}{query}"));
        assert_eq!(description.status, 200, "{query}");
        assert!(description.body.contains(&format!("location=\"{address}")), "{query}: {}", description.body);
        assert!(!description.body.contains("other.example.com"), "{query}");
    }
    let head = ask(&format!("HEAD {PATH}"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

fn media_types() -> Vec<Case> {
    let typed = |post: Post, value: &str| post.with("Content-Type", value);
    let mut cases =
        vec![Case::new("BI-04", UNSUPPORTED, |maker| genuine(maker).without("Content-Type").bytes())];
    let others = [
        "application/json",
        "application/soap+xml",
        "application/soap+xml; charset=utf-8",
        "application/xml",
        "text/xmlx",
        "text/plain",
        "",
    ];
    cases
        .extend(each("BI-04", UNSUPPORTED, others, move |maker, value| typed(genuine(maker), value).bytes()));
    cases.extend(each("BI-05", UNSUPPORTED, ["\u{feff}", ""], move |maker, mark| {
        let body = format!("{mark}{}", maker.named("x"))
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>();
        typed(Post::new(body), "text/xml; charset=utf-16").bytes()
    }));
    // The same bytes under a false flag, and with none.
    cases.extend(each(
        "BI-05z",
        Answer::Fault("Client"),
        ["text/xml; charset=utf-8", "text/xml"],
        move |maker, value| {
            let body = format!("\u{feff}{}", maker.named("x"))
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>();
            typed(Post::new(body), value).bytes()
        },
    ));
    let charsets = ["iso-8859-1", "utf-7", "x-unknown", "utf-8; charset=utf-7", "", "\"utf-16\""];
    cases.extend(each("BI-06", UNSUPPORTED, charsets, move |maker, charset| {
        typed(genuine(maker), &format!("text/xml; charset={charset}")).bytes()
    }));
    cases.push(Case::new("BI-06zz", UNSUPPORTED, |maker| {
        genuine(maker).header("Content-Type", "text/xml; charset=iso-8859-1").bytes()
    }));
    cases.extend(each(
        "BI-06decl",
        Answer::Fault("Client"),
        ["iso-8859-1", "utf-16", "utf-7"],
        |maker, encoding| {
            Post::new(format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}", maker.named("x"))).bytes()
        },
    ));
    cases.extend(each(
        "BI-17",
        UNSUPPORTED,
        ["gzip", "gzip, gzip", "br", "deflate", "x-gzip", "identity, gzip", "x"],
        |maker, encoding| genuine(maker).header("Content-Encoding", encoding).bytes(),
    ));
    cases.push(Case::new("BI-17bomb", UNSUPPORTED, |maker| {
        // A member of gzip whose content would be endless; nobody opens it.
        let bomb = [&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"[..], &vec![0; 1_000_000]].concat();
        let twice = genuine(maker).header("Content-Encoding", "identity").header("Content-Encoding", "gzip");
        [twice.with("Content-Length", &bomb.len().to_string()).head(), bomb].concat()
    }));
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = vec![
        Case::new("BI-07", Answer::Fault("Client"), |maker| genuine(maker).without("Content-Length").bytes()),
        Case::new("BI-08a", Answer::Http(&[413]), |maker| {
            genuine(maker).with("Content-Length", "10000000000").bytes()
        })
        .within(HEAD),
        // Past what hyper counts in: the connection ends.
        Case::new("BI-08b", Answer::Http(&[400, 413, 431]), |maker| {
            genuine(maker).with("Content-Length", "18446744073709551615").bytes()
        })
        .within(HEAD),
        Case::new("BI-09a", Answer::Fault("Client"), |maker| {
            // What stands behind the announced length is a whole call of its own, and must not become one.
            let hidden = Post::new(maker.named("hidden")).bytes();
            [Post::new(&maker.named("cut").as_bytes()[..900]).bytes(), hidden].concat()
        }),
    ];
    let lengths = ["+5", "0x10", "5,5", "5 5", "-1", "", "five", "18446744073709551616"];
    cases.extend(each("BI-10", BAD_REQUEST, lengths, |maker, length| {
        genuine(maker).with("Content-Length", length).bytes()
    }));
    cases.extend(each("BI-10two", BAD_REQUEST, [0, 1], |maker, more| {
        let post = genuine(maker);
        let length = maker.named("x").len() + more;
        post.header("Content-Length", &length.to_string()).bytes()
    }));
    cases
}

fn framings() -> Vec<Case> {
    let mut cases = Vec::new();
    let both = |maker: &Maker| {
        let post = genuine(maker).chunked(500);
        let length = post.bytes().len() - post.head().len();
        (post, length.to_string())
    };
    cases.push(Case::new("BI-11a", BAD_REQUEST, move |maker| {
        let (post, length) = both(maker);
        post.header("Content-Length", &length).bytes()
    }));
    cases.push(Case::new("BI-11b", BAD_REQUEST, move |maker| {
        let (post, length) = both(maker);
        post.without("Transfer-Encoding")
            .header("Content-Length", &length)
            .header("Transfer-Encoding", "chunked")
            .bytes()
    }));
    let encodings =
        ["xchunked", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "", "\"chunked\""];
    cases.extend(each("BI-11encoding", BAD_REQUEST, encodings, |maker, encoding| {
        genuine(maker).chunked(500).with("Transfer-Encoding", encoding).bytes()
    }));
    cases.extend(each("BI-11two", BAD_REQUEST, ["chunked", "identity"], |maker, encoding| {
        genuine(maker).chunked(500).header("Transfer-Encoding", encoding).bytes()
    }));
    cases.push(Case::new("BI-11old", BAD_REQUEST, |maker| {
        genuine(maker).chunked(500).line(&format!("POST {PATH} HTTP/1.0")).bytes()
    }));
    cases.push(Case::new("BI-11fits", Answer::Row("chunked"), |maker| {
        Post::new(maker.named("chunked")).chunked(100).bytes()
    }));
    let chunks = [
        "FFFFFFFFFFFFFFFFF\r\n",
        "10000000000000000\r\n",
        "-5\r\nabcde\r\n",
        "+5\r\nabcde\r\n",
        "0x5\r\nabcde\r\n",
        "5\nabcde\r\n",
        "5\r\nabcdef\r\n",
        "5\r\nabcde\n",
        "\r\n",
        "g\r\n",
        "5 5\r\nabcde\r\n",
        "5;x\nabcde\r\n",
    ];
    cases.extend(each("BI-13", BAD_REQUEST, chunks, |maker, chunk| {
        let call = maker.named("x");
        let (begin, rest) = call.split_at(600);
        let head = genuine(maker).chunked(1).head();
        let good = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
        [&head[..], good(begin).as_bytes(), chunk.as_bytes(), good(rest).as_bytes(), b"0\r\n\r\n"].concat()
    }));
    cases.push(Case::new("BI-13long", BAD_REQUEST, |maker| {
        let body = maker.named("x");
        let chunk = format!("{:x};{}\r\n{body}\r\n0\r\n\r\n", body.len(), "e".repeat(1_000_000));
        [genuine(maker).chunked(1).head(), chunk.into_bytes()].concat()
    }));
    cases
}

fn heads() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.push(Case::new("BI-16a", Answer::Http(&[431]), |maker| {
        (0..1000).fold(genuine(maker), |post, number| post.header(&format!("X-{number}"), "y")).bytes()
    }));
    cases.push(Case::new("BI-16b", Answer::Http(&[431]), |maker| {
        genuine(maker).header("X-Long", &"y".repeat(1_000_000)).bytes()
    }));
    cases.push(Case::new("BI-16c", Answer::Http(&[414, 431]), |maker| {
        genuine(maker).line(&format!("POST {PATH}?{} HTTP/1.1", "y".repeat(1_000_000))).bytes()
    }));
    let http_2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = "\0\0\0\u{4}\0\0\0\0\0";
    let reset = "\0\0\u{4}\u{3}\0\0\0\0\u{1}\0\0\0\u{8}";
    let continuation = "\0\0\u{1}\u{9}\0\0\0\0\u{1}x";
    let floods = [String::new(), settings.to_owned(), reset.repeat(50_000), continuation.repeat(50_000)];
    cases.extend(
        each("BI-19", BAD_REQUEST, floods, move |_, flood| format!("{http_2}{flood}").into_bytes())
            .into_iter()
            .map(|case| case.within(HEAD)),
    );
    cases.push(Case::new("BI-19h2c", Answer::Row("not upgraded"), |maker| {
        let post = Post::new(maker.named("not upgraded"));
        post.header("Connection", "Upgrade, HTTP2-Settings")
            .header("Upgrade", "h2c")
            .header("HTTP2-Settings", "AAMAAABk")
            .bytes()
    }));
    cases.push(Case::new("BI-20a", Answer::Row("HTTP/1.0"), |maker| {
        Post::new(maker.named("HTTP/1.0")).line(&format!("POST {PATH} HTTP/1.0")).without("Host").bytes()
    }));
    cases.push(Case::new("BI-20b", BAD_REQUEST, |maker| genuine(maker).without("Host").bytes()));
    cases.push(Case::new("BI-20c", BAD_REQUEST, |maker| {
        genuine(maker).header("Host", "other.example.com").bytes()
    }));
    let targets = [
        "http://127.0.0.1/MirroringClientService.svc",
        "http://other.example.com/MirroringClientService.svc",
        "*",
        "MirroringClientService.svc",
        "",
        "/MirroringClientService.svc x",
    ];
    cases.extend(each("BI-20target", BAD_REQUEST, targets, |maker, target| {
        genuine(maker).line(&format!("POST {target} HTTP/1.1")).bytes()
    }));
    let paths = [
        "/..%2fMirroringClientService.svc",
        "/x/..%2f..%2fMirroringClientService.svc",
        "/x/../MirroringClientService.svc",
        "/MirroringClientService.svc/..%2fMirroringClientService.svc",
        "/%4dirroringClientService.svc",
        "//MirroringClientService.svc",
        "/MirroringClientService.svc%00",
        "/MirroringClientService.svc/%ff",
    ];
    cases.extend(each("BI-20path", Answer::Http(&[400, 404]), paths, |maker, path| {
        genuine(maker).line(&format!("POST {path} HTTP/1.1")).bytes()
    }));
    let versions = ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 x", ""];
    cases.extend(each("BI-20version", BAD_REQUEST, versions, |maker, version| {
        genuine(maker).line(&format!("POST {PATH} {version}")).bytes()
    }));
    let values = ["a\0b", "a\u{1b}[2Jb", "a\rb", "a\nb", "a\r\n folded", "a\u{7f}b"];
    cases.extend(each("BI-22", BAD_REQUEST, values, |maker, value| {
        genuine(maker).header("X-Note", &format!("{CANARY}{value}")).bytes()
    }));
    cases.extend(each(
        "BI-22name",
        BAD_REQUEST,
        ["X-Note ", " X-Note", "X\u{1b}", "X Note", ""],
        |maker, name| genuine(maker).header(name, CANARY).bytes(),
    ));
    cases.push(Case::new("BI-22lies", Answer::Row("not forwarded"), |maker| {
        let post = Post::new(maker.named("not forwarded"));
        post.header("X-Forwarded-For", CANARY)
            .header("X-Forwarded-Proto", "gopher")
            .header("Forwarded", &format!("for={CANARY}"))
            .header("X-Forwarded-Host", "other.example.com")
            .header("X-Original-URL", "/admin")
            .header("X-Tenant", "Cust1")
            .bytes()
    }));
    cases
}
