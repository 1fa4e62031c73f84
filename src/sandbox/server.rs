//! One listener on loopback per stand: HTTP/1.1, graceful stop, connections that can be reset.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::gate::{Passage, pass};
use super::message::{Request, Response};
use super::stand::Stand;
use crate::model::Timestamp;

/// Largest body that a stand reads.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most connections at a time.
const CONNECTIONS: usize = 1_024;
/// How often a stand looks for what is due.
const TICK: Duration = Duration::from_millis(200);
/// How long open requests may take after `stop`.
const GRACE: Duration = Duration::from_millis(500);

/// A stand that is open for clients. Dropping it stops it without grace.
pub struct Running {
    address: SocketAddr,
    stand: Arc<dyn Stand>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    courier: JoinHandle<()>,
    ticking: JoinHandle<()>,
}

impl Running {
    /// Opens a stand on 127.0.0.1; port 0 takes a free one.
    pub async fn open(stand: Arc<dyn Stand>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let courier = tokio::spawn(Arc::clone(&stand.kit().webhooks).run());
        let serving = tokio::spawn(serve(listener, Arc::clone(&stand), stopped));
        let ticking = tokio::spawn(tick(Arc::clone(&stand)));
        Ok(Self { address, stand, stop, serving, courier, ticking })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes into `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn stand(&self) -> &Arc<dyn Stand> {
        &self.stand
    }

    /// The table of a ready config file for this stand.
    pub fn config(&self, channel: &str) -> String {
        self.stand.config(channel, &self.base_url())
    }

    /// Stops taking connections, lets open requests end for a moment, then closes.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.courier.abort();
        self.ticking.abort();
        let _ = tokio::time::timeout(GRACE * 2, &mut self.serving).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
        self.courier.abort();
        self.ticking.abort();
    }
}

async fn tick(stand: Arc<dyn Stand>) {
    loop {
        tokio::time::sleep(TICK).await;
        stand.tick();
    }
}

async fn serve(listener: TcpListener, stand: Arc<dyn Stand>, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = accepted {
            let stand = Arc::clone(&stand);
            let stopped = stopped.clone();
            connections.spawn(async move {
                connection(stream, stand, stopped).await;
                drop(permit);
            });
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
}

async fn connection(stream: TcpStream, stand: Arc<dyn Stand>, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let line = Line { stream, reset: Arc::clone(&reset) };
    let service = service_fn(move |request| answer(request, Arc::clone(&stand), Arc::clone(&reset)));
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(line), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stopped.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    stand: Arc<dyn Stand>,
    reset: Arc<AtomicBool>,
) -> Result<hyper::Response<Answer>, Cut> {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let Ok(body) = Limited::new(body, BODY_MAX_BYTES).collect().await else {
        return Ok(hyper_response(stand.refusal(413, &Request::default()), stand.kit().now(), false));
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::new(parts.method.as_str(), target);
    request.headers = headers;
    request.body = body.to_bytes().to_vec();
    let passage = pass(&stand, request).await;
    let now = stand.kit().now();
    match passage {
        Passage::Answer(response) => Ok(hyper_response(response, now, false)),
        Passage::Broken(response) => Ok(hyper_response(response, now, true)),
        Passage::Reset => {
            reset.store(true, Ordering::Relaxed);
            Err(Cut)
        }
    }
}

fn hyper_response(response: Response, now: Timestamp, broken: bool) -> hyper::Response<Answer> {
    let mut built = hyper::Response::builder().status(response.status).header("date", http_date(now));
    for (name, value) in &response.headers {
        built = built.header(name, value);
    }
    let body = Bytes::from(response.body);
    let length = body.len() as u64;
    let body = if broken { body.slice(..body.len() / 2) } else { body };
    let answer = Answer { body: (!body.is_empty()).then_some(body), length, broken };
    built.body(answer).unwrap_or_else(|_| {
        let mut failed = hyper::Response::new(Answer { body: None, length: 0, broken: false });
        *failed.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, from the sandbox's own clock.
fn http_date(now: Timestamp) -> String {
    now.to_jiff().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A body that may break off before the length it promised.
struct Answer {
    body: Option<Bytes>,
    length: u64,
    broken: bool,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.body.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.broken => Poll::Ready(Some(Err(Cut))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && !self.broken
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox breaks the connection")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A connection that can end with a reset instead of an orderly close.
struct Line {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
