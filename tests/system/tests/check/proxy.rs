//! A real registry with something in front of it that changes single answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use ureq::http::{Request, Response};

/// The status that a method and a path are answered with, instead of being handed on.
pub type Instead = fn(method: &str, path: &str) -> Option<u16>;

/// Hands requests on to a real registry, and its answers back with another time.
pub struct Proxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub fn start(registry: &str, seconds: i64, instead: Instead) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let origin = registry.split("/apis/").next().unwrap().to_owned();
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    serve(stream.unwrap(), &origin, seconds, instead);
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/apis/ccompat/v7", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One request of a connection.
fn serve(mut stream: TcpStream, origin: &str, seconds: i64, instead: Instead) {
    let request = read(&stream, origin);
    let (method, path) = (request.method().as_str(), request.uri().path());
    let (status, text) = match instead(method, path) {
        Some(status) => (status, "{}".to_owned()),
        None => {
            let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
            let mut answer: Response<ureq::Body> = ureq::Agent::from(agent).run(request).unwrap();
            (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
        }
    };
    let head = format!("HTTP/1.1 {status} told\r\nDate: {}\r\nConnection: close\r\n", date(seconds));
    write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
}

fn read(stream: &TcpStream, origin: &str) -> Request<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let [method, path, _] = first.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let mut request = Request::builder().method(method).uri(format!("{origin}{path}"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "content-type" | "accept" => request = request.header(name, value),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.body(body).unwrap()
}

/// So many seconds from now, as HTTP writes it.
fn date(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let then = format!("@{}", i64::try_from(now).unwrap() + seconds);
    let mut command = Command::new("date");
    let output = command.env("LC_ALL", "C").args(["-u", "-d", &then, "+%a, %d %b %Y %H:%M:%S GMT"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}
