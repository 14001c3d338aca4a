//! A registry that refuses everything, with a text of its own, and remembers what it heard.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What it says. It may stand in the log, where an operator needs it, and nowhere else.
pub const TEXT: &str = "the-registry-has-a-bad-day";

pub struct Registry {
    pub url: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Registry {
    /// Its thread ends with the process: it waits in `accept`.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = refuse(stream).unwrap_or_default();
                ears.lock().unwrap().extend(said);
            }
        });
        Self { url, heard }
    }

    /// Whether the password came, as basic authentication writes it.
    pub fn heard_password(&self, password: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        String::from_utf8_lossy(&heard).contains(&STANDARD.encode(format!("somebody:{password}")))
    }
}

fn refuse(mut stream: TcpStream) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut heard = Vec::new();
    let mut part = [0; 4096];
    while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => break,
            length => heard.extend_from_slice(&part[..length]),
        }
    }
    let body = format!("{{\"error_code\":50001,\"message\":\"{TEXT}\"}}");
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    Ok(heard)
}
