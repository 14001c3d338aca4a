//! A proxy that cuts a connection at a COMMIT: before the server gets it, or before the client learns of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What the message is in PostgreSQL's protocol.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

pub(crate) const PASS: u8 = 0;
/// The server never gets it.
pub(crate) const BEFORE: u8 = 1;
/// The server gets it, and its answer gets lost.
pub(crate) const AFTER: u8 = 2;

pub(crate) struct Cutter {
    pub(crate) port: u16,
    wish: Arc<AtomicU8>,
}

impl Cutter {
    pub(crate) fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wish = Arc::new(AtomicU8::new(PASS));
        let shared = wish.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let server = TcpStream::connect(&server).unwrap();
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || down(server_too, client_too));
                let wish = shared.clone();
                std::thread::spawn(move || up(client, server, &wish));
            }
        });
        Self { port, wish }
    }

    /// Cuts the next COMMIT, and no other.
    pub(crate) fn cut(&self, wish: u8) {
        self.wish.store(wish, Ordering::SeqCst);
    }
}

fn up(mut client: TcpStream, mut server: TcpStream, wish: &AtomicU8) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let is_commit = bytes[..count].ends_with(COMMIT);
        let wish = if is_commit { wish.swap(PASS, Ordering::SeqCst) } else { PASS };
        if wish != PASS {
            let _ = client.shutdown(Shutdown::Both);
        }
        if wish == BEFORE || server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

fn down(mut server: TcpStream, mut client: TcpStream) {
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}
