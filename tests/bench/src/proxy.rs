//! Stands between the bridge and the registry and counts what is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use ureq::Agent;
use ureq::http::Request;

/// Passes every request on until the process ends.
pub(crate) struct Proxy {
    pub(crate) url: String,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn start(registry: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (host, path) =
            registry.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("no url")?;
        let url = format!("http://{}/{path}", listener.local_addr()?);
        let origin = format!("http://{host}");
        let requests = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests);
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (agent, origin, counted) = (agent.clone(), origin.clone(), Arc::clone(&counted));
                std::thread::spawn(move || {
                    if let Err(error) = pass_on(&stream, &agent, &origin, &counted) {
                        eprintln!("bench: the registry's proxy: {error:#}");
                    }
                });
            }
        });
        Ok(Self { url, requests })
    }

    /// Requests since the last question.
    pub(crate) fn take_requests(&self) -> f64 {
        self.requests.swap(0, Ordering::Relaxed) as f64
    }
}

/// One connection, until the bridge closes it.
fn pass_on(stream: &TcpStream, agent: &Agent, origin: &str, counted: &AtomicU64) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut words = line.split_whitespace();
        let (method, path) = words.next().zip(words.next()).context("no request line")?;
        let mut request = Request::builder().method(method).uri(format!("{origin}{path}"));
        let mut length = 0;
        for header in head(&mut reader)? {
            let Some((name, value)) = header.split_once(": ") else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse()?;
            } else if !name.eq_ignore_ascii_case("host") {
                request = request.header(name, value);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        answer(stream, agent.run(request.body(body)?)?)?;
        line.clear();
    }
    Ok(())
}

/// The header lines up to the empty one.
fn head(reader: &mut impl BufRead) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => return Ok(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

fn answer(mut stream: &TcpStream, mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<()> {
    let body = response.body_mut().read_to_vec()?;
    let content_type = response.headers().get("Content-Type").map(|value| value.to_str()).transpose()?;
    let head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        response.status().as_u16(),
        content_type.unwrap_or("application/json"),
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat())?;
    Ok(())
}
