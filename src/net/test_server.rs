//! A server for tests that answers with what it was told, byte by byte: only so can it hang, cut an
//! answer short or reset the connection.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(super) enum Reply {
    /// Sends this and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends this and closes the connection in good order.
    Close(Vec<u8>),
    /// Sends this and then nothing more.
    Hang(Vec<u8>),
    /// Breaks the connection off.
    Reset,
}

/// A 200 with these further header lines.
pub(super) fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Serves one reply per request, in order; then it hangs.
pub(super) struct Server {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel(64);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let replies = Arc::new(Mutex::new(VecDeque::from(replies)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&replies), seen.clone()));
            }
        });
        Self { address, requests, connections }
    }

    /// An address where nobody listens.
    pub(super) async fn closed_address() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The next request as it came.
    pub(super) async fn request(&mut self) -> String {
        self.requests.recv().await.unwrap()
    }

    pub(super) fn no_more_requests(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, replies: Arc<Mutex<VecDeque<Reply>>>, seen: mpsc::Sender<String>) {
    while let Some(request) = read_request(&mut stream).await {
        let reply = replies.lock().unwrap().pop_front().unwrap_or(Reply::Hang(Vec::new()));
        let (bytes, then) = match reply {
            Reply::Bytes(bytes) => (bytes, Then::Go),
            Reply::Close(bytes) => (bytes, Then::Close),
            Reply::Hang(bytes) => (bytes, Then::Hang),
            Reply::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
        };
        // The client may be gone already when it has seen enough.
        let _ = stream.write_all(&bytes).await;
        let _ = seen.send(request).await;
        match then {
            Then::Go => {}
            Then::Close => return,
            Then::Hang => std::future::pending().await,
        }
    }
}

const TLS_HANDSHAKE: u8 = 22;

enum Then {
    Go,
    Close,
    Hang,
}

/// `None` when the client closed. The beginning of a TLS handshake counts as a request.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if bytes[0] == TLS_HANDSHAKE {
            return Some("a TLS handshake".to_owned());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(text);
        }
    }
}
