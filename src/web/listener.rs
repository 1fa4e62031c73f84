//! Accepts connections and keeps them within bounds: how many, how long, how much.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::line::{Line, Place};
use super::problem::Problem;
use super::reply::Reply;
use crate::telemetry::metrics;

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// For the headers of a request, and for the next request of a kept connection.
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    /// Bytes of bodies that are being read at the same time, small ones not counted.
    pub uploads_bytes: usize,
    /// For open requests after the listener has stopped accepting.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            uploads_bytes: 64 << 20,
            drain: Duration::from_secs(5),
        }
    }
}

/// Headers of one request.
const HEADERS_BYTES: usize = 32 << 10;
/// Largest buffer of a connection.
const BUFFER_BYTES: usize = 64 << 10;
/// A body up to this size is not counted against the sum of uploads.
const SMALL_BODY: usize = 64 << 10;
/// Pause after the process ran out of descriptors or memory for sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often a full listener looks again for a connection that makes room.
const KNOCK_EVERY: Duration = Duration::from_millis(20);

/// A bound address.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The real address, also for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `stop` turns true, then gives open requests `limits.drain` to end.
    pub async fn serve<A: Answers>(self, answers: Arc<A>, limits: Limits, mut stop: watch::Receiver<bool>) {
        let house = Arc::new(House {
            limits,
            line: Arc::default(),
            uploads: Semaphore::new(limits.uploads_bytes),
            stop: stop.clone(),
        });
        let permits = Arc::new(Semaphore::new(limits.connections));
        let mut guests = JoinSet::new();
        loop {
            let arrived = tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                arrived = arrive(&self.socket, &permits, &house.line) => arrived,
            };
            let (stream, peer, permit) = arrived;
            guests.spawn(converse(stream, peer, answers.clone(), house.clone(), permit));
            while guests.try_join_next().is_some() {}
        }
        drop(self.socket);
        let all_gone = async { while guests.join_next().await.is_some() {} };
        if timeout(limits.drain, all_gone).await.is_err() {
            tracing::warn!(address = %self.address, "requests are still open after the grace time; cut off");
        }
        guests.shutdown().await;
    }
}

/// Who answers what a listener receives.
pub trait Answers: Send + Sync + 'static {
    fn answer(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = Reply> + Send;
}

/// A request whose body is still on its way.
pub struct Arrival {
    pub head: Parts,
    pub peer: SocketAddr,
    pub upload: Upload,
}

/// What all connections of a listener share.
struct House {
    limits: Limits,
    line: Arc<Line>,
    uploads: Semaphore,
    stop: watch::Receiver<bool>,
}

impl House {
    /// A share of what may be read at the same time.
    async fn budget(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let bytes = bytes.min(self.limits.uploads_bytes);
        self.uploads.acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX)).await.ok()
    }
}

/// Completes when the listener should end.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The body of a request, not yet read.
pub struct Upload {
    body: Incoming,
    place: Place,
    house: Arc<House>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadError {
    /// Longer than the cap; nothing, or not all, was read.
    TooLarge,
    TimedOut,
    /// The client broke off, or did not keep to HTTP.
    Broken,
}

impl Upload {
    /// The whole body, at most `cap` bytes, within the listener's time for a body.
    pub async fn read(self, cap: usize) -> Result<Bytes, UploadError> {
        let announced = self.body.size_hint().exact().map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        if announced.is_some_and(|len| len > cap) {
            return Err(UploadError::TooLarge);
        }
        let collect = async {
            let size = announced.unwrap_or(cap);
            let budget = if size > SMALL_BODY { self.house.budget(size).await } else { None };
            let body = Limited::new(self.body, cap).collect().await;
            drop(budget);
            body
        };
        let collected = timeout(self.house.limits.body_timeout, collect).await;
        self.place.begin();
        match collected {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(UploadError::TooLarge),
            Ok(Err(_)) => Err(UploadError::Broken),
            Err(_) => Err(UploadError::TimedOut),
        }
    }
}

/// The next connection, and the permit that it holds.
async fn arrive(
    socket: &TcpListener,
    permits: &Arc<Semaphore>,
    line: &Line,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let (stream, peer) = loop {
        match socket.accept().await {
            Ok(arrived) => break arrived,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; trying again in a moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    };
    loop {
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return (stream, peer, permit);
        }
        line.dismiss_oldest();
        if let Ok(Ok(permit)) = timeout(KNOCK_EVERY, permits.clone().acquire_owned()).await {
            return (stream, peer, permit);
        }
    }
}

/// The client gave up between knocking and being let in.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// A panic ends one request, not its connection: the log's panic hook has said where it was.
async fn answer_or_apology(answer: impl Future<Output = Reply>) -> Reply {
    let mut answer = pin!(answer);
    let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    });
    caught.await.unwrap_or_else(|| {
        metrics::http_panics().increment(1);
        Problem::internal().into_reply()
    })
}

/// One connection, from its first request to its last.
async fn converse<A: Answers>(
    stream: TcpStream,
    peer: SocketAddr,
    answers: Arc<A>,
    house: Arc<House>,
    _permit: OwnedSemaphorePermit,
) {
    // Without it a small answer may wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let place = Place::new(&house.line);
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let upload = Upload { body, place: place.clone(), house: house.clone() };
        let place = place.clone();
        let answer = answers.clone().answer(Arrival { head, peer, upload });
        async move {
            let reply = answer_or_apology(answer).await;
            Ok::<_, Infallible>(reply.map(|body| body.while_served(place.serve())))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(house.limits.header_timeout)
        .max_header_size(HEADERS_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stop = house.stop.clone();
    let mut leaving = false;
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = stopped(&mut stop), if !leaving => {}
            () = place.dismissed(), if !leaving => {
                if !place.is_served() {
                    return;
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        leaving = true;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::web::reply;

    /// Answers the length of what was sent; `/slow` waits until it is let go.
    struct Echo {
        reached: Notify,
        go_on: Notify,
    }

    impl Answers for Echo {
        async fn answer(self: Arc<Self>, arrival: Arrival) -> Reply {
            let path = arrival.head.uri.path().to_owned();
            let body = match arrival.upload.read(1 << 20).await {
                Ok(body) => body,
                Err(UploadError::TooLarge) => return reply::bare(hyper::StatusCode::PAYLOAD_TOO_LARGE),
                Err(UploadError::TimedOut) => return reply::bare(hyper::StatusCode::REQUEST_TIMEOUT),
                Err(UploadError::Broken) => return reply::bare(hyper::StatusCode::BAD_REQUEST),
            };
            assert!(path != "/panic", "told to panic");
            if path == "/slow" {
                self.reached.notify_one();
                self.go_on.notified().await;
            }
            reply::ok(&body.len())
        }
    }

    struct Rig {
        address: SocketAddr,
        echo: Arc<Echo>,
        stop: watch::Sender<bool>,
        served: JoinHandle<()>,
    }

    async fn rig(limits: Limits) -> Rig {
        let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("bound");
        let address = listener.address();
        let echo = Arc::new(Echo { reached: Notify::new(), go_on: Notify::new() });
        let stop = watch::Sender::new(false);
        let served = tokio::spawn(listener.serve(echo.clone(), limits, stop.subscribe()));
        Rig { address, echo, stop, served }
    }

    impl Rig {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("connected")
        }

        /// Sends this and reads until the connection ends.
        async fn exchange(&self, request: &str) -> String {
            let mut stream = self.connect().await;
            stream.write_all(request.as_bytes()).await.expect("sent");
            rest(&mut stream).await
        }
    }

    async fn rest(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        // A connection that is cut may end in a reset; what came before counts.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn post(path: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }

    #[tokio::test]
    async fn a_body_arrives_whole() {
        let rig = rig(Limits::default()).await;
        let answer = rig.exchange(&post("/", "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n5"), "{answer}");
    }

    #[tokio::test]
    async fn an_announced_giant_is_refused_unread() {
        let rig = rig(Limits::default()).await;
        let request = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10737418240\r\n\r\n";
        assert!(rig.exchange(request).await.starts_with("HTTP/1.1 413 "));
    }

    #[tokio::test]
    async fn an_unannounced_giant_is_refused_at_the_cap() {
        let rig = rig(Limits::default()).await;
        let mut stream = rig.connect().await;
        let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.expect("sent");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        for _ in 0..17 {
            // The refusal may come, and the connection end, before all is sent.
            if stream.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[tokio::test]
    async fn endless_headers_are_refused() {
        let rig = rig(Limits::default()).await;
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(80 << 10));
        let answer = rig.exchange(&request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    #[tokio::test]
    async fn headers_and_bodies_that_do_not_come_are_not_waited_for() {
        let short = Duration::from_millis(50);
        let rig = rig(Limits { header_timeout: short, body_timeout: short, ..Limits::default() }).await;
        let mut silent = rig.connect().await;
        assert_eq!(rest(&mut silent).await, "");
        let answer = rig.exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }

    #[tokio::test]
    async fn connections_that_say_nothing_make_room_for_those_that_do() {
        let rig = rig(Limits { connections: 4, ..Limits::default() }).await;
        let mut silent = Vec::new();
        for _ in 0..16 {
            silent.push(rig.connect().await);
        }
        let answer = rig.exchange(&post("/", "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(rest(&mut silent[0]).await, "", "the first one was let go");
    }

    #[tokio::test]
    async fn a_request_that_is_being_served_keeps_its_place() {
        let rig = rig(Limits { connections: 1, ..Limits::default() }).await;
        let mut slow = rig.connect().await;
        slow.write_all(post("/slow", "").as_bytes()).await.expect("sent");
        rig.echo.reached.notified().await;
        let mut next = rig.connect().await;
        next.write_all(post("/", "hello").as_bytes()).await.expect("sent");
        rig.echo.go_on.notify_one();
        assert!(rest(&mut slow).await.starts_with("HTTP/1.1 200 "));
        assert!(rest(&mut next).await.starts_with("HTTP/1.1 200 "));
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_its_connection_goes_on() {
        let rig = rig(Limits::default()).await;
        let mut stream = rig.connect().await;
        let request = |path: &str, close: &str| {
            format!("POST {path} HTTP/1.1\r\nhost: x\r\n{close}content-length: 2\r\n\r\nhi")
        };
        let both = request("/panic", "") + &request("/", "connection: close\r\n");
        stream.write_all(both.as_bytes()).await.expect("sent");
        let answers = rest(&mut stream).await;
        assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
        assert!(answers.contains("application/problem+json") && answers.contains("\"code\":\"internal\""));
        assert!(answers.contains("HTTP/1.1 200 OK\r\n"), "the next request of the connection: {answers}");
        assert!(!answers.contains("told to panic"), "{answers}");
        let answer = rig.exchange(&post("/", "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "the other connections: {answer}");
    }

    #[tokio::test]
    async fn open_requests_end_before_the_listener_does() {
        let rig = rig(Limits::default()).await;
        let mut slow = rig.connect().await;
        slow.write_all(post("/slow", "").as_bytes()).await.expect("sent");
        let mut idle = rig.connect().await;
        rig.echo.reached.notified().await;
        rig.stop.send_replace(true);
        assert_eq!(rest(&mut idle).await, "", "an idle connection ends at once");
        rig.echo.go_on.notify_one();
        assert!(rest(&mut slow).await.starts_with("HTTP/1.1 200 "));
        rig.served.await.expect("ended");
        assert!(TcpStream::connect(rig.address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_off() {
        let rig = rig(Limits { drain: Duration::from_millis(50), ..Limits::default() }).await;
        let mut slow = rig.connect().await;
        slow.write_all(post("/slow", "").as_bytes()).await.expect("sent");
        rig.echo.reached.notified().await;
        rig.stop.send_replace(true);
        rig.served.await.expect("ended");
        assert_eq!(rest(&mut slow).await, "");
    }
}
