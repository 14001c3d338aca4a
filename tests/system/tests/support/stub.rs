//! Stands before a real registry and lets it be slow, broken or away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    /// The registry answers it.
    Pass,
    /// The registry answers it later.
    Delay(Duration),
    /// The registry never sees it; this status is the answer.
    Status(u16),
    /// The connection is closed without an answer.
    HangUp,
}

/// A registry's stand-in; its thread ends with the process.
pub struct RegistryStub {
    pub url: String,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Asked>,
}

/// How often a registry was asked for what.
#[derive(Default)]
struct Asked {
    changes: AtomicUsize,
    lookups: AtomicUsize,
}

impl RegistryStub {
    pub fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, path) = (listener.local_addr().unwrap(), registry.splitn(4, '/').nth(3).unwrap());
        let url = format!("http://{address}/{path}");
        let stub = Self { url, mood: Arc::new(Mutex::new(Mood::Pass)), asked: Arc::default() };
        let (mood, asked) = (Arc::clone(&stub.mood), Arc::clone(&stub.asked));
        let origin = registry.trim_end_matches(&format!("/{path}")).to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mood, origin, asked) = (*mood.lock().unwrap(), origin.clone(), Arc::clone(&asked));
                std::thread::spawn(move || serve(&stream.unwrap(), mood, &origin, &asked));
            }
        });
        stub
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How often it was asked to change something; whether it is there may be asked at any time.
    pub fn changes(&self) -> usize {
        self.asked.changes.load(Ordering::Relaxed)
    }

    /// How often it was asked what an id means.
    pub fn lookups(&self) -> usize {
        self.asked.lookups.load(Ordering::Relaxed)
    }
}

/// One request a connection.
fn serve(mut stream: &TcpStream, mood: Mood, origin: &str, asked: &Asked) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        lines.push(line.trim_end().to_ascii_lowercase());
    }
    let Some(first) = lines.first() else { return };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if method != "get" {
        asked.changes.fetch_add(1, Ordering::Relaxed);
    } else if path.contains("/schemas/ids/") {
        asked.lookups.fetch_add(1, Ordering::Relaxed);
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let (status, text) = match mood {
        Mood::HangUp => return,
        Mood::Status(status) => (status, "{\"error_code\":50001,\"message\":\"broken\"}".to_owned()),
        Mood::Pass => forward(&method, &format!("{origin}{path}"), &body),
        Mood::Delay(delay) => {
            std::thread::sleep(delay);
            forward(&method, &format!("{origin}{path}"), &body)
        }
    };
    let head = "Content-Type: application/vnd.schemaregistry.v1+json\r\nConnection: close";
    let length = text.len();
    // Whoever asked may have given up.
    let _ = write!(stream, "HTTP/1.1 {status} .\r\n{head}\r\nContent-Length: {length}\r\n\r\n{text}");
}

fn forward(method: &str, url: &str, body: &[u8]) -> (u16, String) {
    const TYPE: (&str, &str) = ("Content-Type", "application/vnd.schemaregistry.v1+json");
    let answer = match method {
        "get" => ureq::get(url).config().http_status_as_error(false).build().call(),
        "put" => {
            ureq::put(url).config().http_status_as_error(false).build().header(TYPE.0, TYPE.1).send(body)
        }
        "post" => {
            ureq::post(url).config().http_status_as_error(false).build().header(TYPE.0, TYPE.1).send(body)
        }
        other => panic!("the registry is not called with {other}"),
    };
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}
