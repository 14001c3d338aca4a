//! The servers behind the proxy, and a client's few words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

pub const LONG: Duration = Duration::from_secs(10);
/// Long enough for what should come to have come.
pub const SHORT: Duration = Duration::from_millis(150);

fn serve(mut each: impl FnMut(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|stream| each(stream.unwrap())));
    port
}

/// Says everything back.
pub fn echo() -> u16 {
    serve(|mut stream| {
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                stream.write_all(&bytes[..count]).unwrap();
            }
        });
    })
}

/// What the broker has got: API key and correlation id.
pub type Got = (i16, i32);

/// Answers every request without error, and tells which it got.
pub fn broker() -> (u16, Receiver<Got>) {
    let (sender, receiver) = channel();
    let port = serve(move |mut stream| {
        let sender = sender.clone();
        thread::spawn(move || {
            while let Some(frame) = read_frame(&mut stream) {
                let correlation = i32::from_be_bytes(frame[4..8].try_into().unwrap());
                sender.send((i16::from_be_bytes(frame[..2].try_into().unwrap()), correlation)).unwrap();
                // Correlation id, throttle time, error code.
                let answer = [&correlation.to_be_bytes()[..], &[0; 6]].concat();
                // The client may have gone.
                let _ = stream.write_all(&framed(&answer));
            }
        });
    });
    (port, receiver)
}

fn framed(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

pub struct Client(pub TcpStream);

impl Client {
    pub fn new(port: u16) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Client(stream)
    }

    pub fn ask(&mut self, api_key: i16, correlation: i32) -> &mut Self {
        let head = [&api_key.to_be_bytes()[..], &[0, 1], &correlation.to_be_bytes()].concat();
        self.0.write_all(&framed(&head)).unwrap();
        self
    }

    /// The correlation id of the next answer.
    pub fn answer(&mut self) -> i32 {
        let frame = read_frame(&mut self.0).unwrap();
        i32::from_be_bytes(frame[..4].try_into().unwrap())
    }

    /// What the next byte is, or why there is none.
    pub fn read_byte(&mut self) -> std::io::Result<usize> {
        self.0.read(&mut [0])
    }

    /// Nothing comes for a while.
    pub fn hears_nothing(&mut self) -> bool {
        self.0.set_read_timeout(Some(SHORT)).unwrap();
        let heard = self.read_byte();
        self.0.set_read_timeout(Some(LONG)).unwrap();
        heard.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    pub fn is_reset(&mut self) -> bool {
        self.read_byte().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }
}
