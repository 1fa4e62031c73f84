//! Messages as they are composed, and as they arrive at sinks on loopback.

use std::sync::{Arc, Mutex};

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::Clock;
use crate::config::{Mailbox, Security, SigningKey, Target};
use crate::model::{FailureKind, Secret, SyncError, Timestamp};
use crate::store::{Notification, Phase};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

fn told(kind: &str) -> Notification {
    Notification {
        id: "0196a3c0-0000-7000-8000-000000000001".to_owned(),
        key: "order:tienda:42".to_owned(),
        kind: kind.to_owned(),
        channel: crate::model::ChannelId::new("tienda").ok(),
        order_id: "tienda:42".parse().ok(),
        error: Some(SyncError {
            kind: FailureKind::InvalidRequest,
            message: "no such carrier".to_owned(),
            retry_at: None,
            conflict: false,
        }),
        message: "Order tienda:42 could not be synced: no such <carrier>".to_owned(),
        advice: "Correct it.".to_owned(),
        count: 3,
        opened_at: at(0),
        closed_at: None,
        read: false,
        tellings: Vec::new(),
    }
}

#[test]
fn a_message_says_what_why_what_to_do_and_where() {
    let message = Message::of(&told("sync_failed"), Phase::Opened, Some("https://fenicia.lan"));
    assert_eq!(message.id, "msg_0196a3c0-0000-7000-8000-000000000001");
    assert_eq!((message.event.as_str(), message.at), ("sync_failed", at(0)));
    assert_eq!(message.subject, "An order could not be synced");
    assert!(message.text.contains("no such <carrier>"), "{}", message.text);
    assert!(message.text.contains("3 times") && message.text.ends_with("What to do: Correct it."));
    assert_eq!(message.link.as_deref(), Some("https://fenicia.lan/orders/tienda:42"));

    let over = Notification { closed_at: Some(at(90)), ..told("sync_failed") };
    let message = Message::of(&over, Phase::Closed, None);
    assert_eq!(message.id, "msg_0196a3c0-0000-7000-8000-000000000001_closed");
    assert_eq!((message.event.as_str(), message.at), ("sync_failed.closed", at(90)));
    assert_eq!(message.subject, "Over: an order could not be synced");
    assert!(message.text.contains("It is over since") && !message.text.contains("What to do"));
    assert_eq!(message.link, None);
}

#[test]
fn many_are_told_in_one_message_that_names_the_first_ten() {
    let many: Vec<_> = (0..25).map(|_| (told("sync_failed"), Phase::Opened)).collect();
    let message = Message::about_many(&many, Some("http://127.0.0.1:1")).expect("a message");
    assert_eq!(message.subject, "25 notifications");
    assert_eq!(message.text.matches("• Order tienda").count(), 10);
    assert!(message.text.contains("… and 15 more"));
    let one = Message::about_many(&many[..1], None).expect("a message");
    assert_eq!(one, Message::of(&many[0].0, Phase::Opened, None));
    assert_eq!(Message::about_many(&[], None), None);
}

/// Takes one request per answer, in order, and keeps what was sent.
struct Sink {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    async fn open(answers: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address").to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a caller");
                let request = read_request(&mut stream).await;
                kept.lock().expect("not poisoned").push(request);
                stream.write_all(answer.as_bytes()).await.expect("answered");
            }
        });
        Self { address, seen }
    }

    fn webhook(&self, key: Option<&str>) -> Target {
        Target::Webhook {
            url: Secret::new(format!("http://{}/hook?token=hush", self.address)),
            key: key.and_then(SigningKey::parse),
            allow_internal: true,
        }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.expect("readable") == 0 {
            return text;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

async fn send(target: &Target) -> Result<(), Undelivered> {
    let message = Message::of(&told("sync_failed"), Phase::Opened, Some("https://fenicia.lan"));
    Post::new(Clock::system()).send(target, &message).await
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| line.strip_prefix(name)).expect("the header");
    line.trim_start_matches(": ")
}

#[tokio::test]
async fn a_webhook_is_signed_over_id_time_and_body() {
    use base64::Engine as _;
    let sink = Sink::open(vec![OK, OK]).await;
    send(&sink.webhook(Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))).await.expect("taken");
    send(&sink.webhook(None)).await.expect("taken");
    let [signed, unsigned] = sink.seen().try_into().expect("two requests");
    assert!(signed.starts_with("POST /hook?token=hush HTTP/1.1\r\n"), "{signed}");
    let (_, body) = signed.split_once("\r\n\r\n").expect("a body");
    let (id, time) = (header(&signed, "webhook-id"), header(&signed, "webhook-timestamp"));
    assert_eq!(id, "msg_0196a3c0-0000-7000-8000-000000000001");
    let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.bytes());
    let signature = header(&signed, "webhook-signature").strip_prefix("v1,").expect("version 1");
    let signature = base64::engine::general_purpose::STANDARD.decode(signature).expect("base64");
    ring::hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &signature).expect("authentic");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["kind"]), (&"sync_failed".into(), &"sync_failed".into()));
    assert_eq!(body["data"]["error"]["kind"], "invalid_request");
    assert!(!unsigned.contains("webhook-signature"));
}

#[tokio::test]
async fn a_refusal_says_why_and_a_redirect_is_not_followed() {
    let sink = Sink::open(vec![
        "HTTP/1.1 500 Oops\r\ncontent-length: 10\r\nretry-after: 90\r\nconnection: close\r\n\r\nno\u{7}\r\n luck",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ])
    .await;
    let target = sink.webhook(None);
    let refused = send(&target).await.expect_err("refused");
    assert_eq!((refused.why.as_str(), refused.for_good), ("it answers 500: no luck", false));
    assert!(refused.not_before.is_some());
    let refused = send(&target).await.expect_err("refused");
    assert!(refused.why.contains("redirects are not followed"), "{refused:?}");
    let refused = send(&target).await.expect_err("refused");
    assert!(refused.for_good, "{refused:?}");
    let refused = send(&target).await.expect_err("nobody listens any more");
    assert!(refused.why.contains("refuses the connection") && !refused.why.contains("hush"), "{refused:?}");
}

#[tokio::test]
async fn an_internal_address_is_called_only_when_the_config_says_so() {
    let sink = Sink::open(vec![OK]).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        let target = Target::Slack {
            url: Secret::new(format!("http://{host}:1/latest/meta-data")),
            allow_internal: false,
        };
        let refused = send(&target).await.expect_err("refused");
        assert!(refused.why.contains("internal network"), "{host}: {refused:?}");
    }
    assert!(sink.seen().is_empty());
}

#[tokio::test]
async fn a_chat_gets_plain_text_with_a_link() {
    let sink = Sink::open(vec![OK]).await;
    let url = Secret::new(format!("http://{}/services/T/B/X", sink.address));
    send(&Target::Slack { url, allow_internal: true }).await.expect("taken");
    let request = sink.seen().remove(0);
    let (_, body) = request.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let text = body["text"].as_str().expect("a text");
    assert!(text.starts_with("*fenicia: An order could not be synced*\n"), "{text}");
    assert!(text.contains("no such &lt;carrier&gt;"), "{text}");
    assert!(text.ends_with("\n<https://fenicia.lan/orders/tienda:42|Open it in fenicia>"), "{text}");
}

/// Speaks enough SMTP for one mail.
struct MailServer {
    greeting: &'static str,
    /// Offers STARTTLS with this certificate.
    tls: Option<tokio_rustls::TlsAcceptor>,
    login: &'static str,
}

impl Default for MailServer {
    fn default() -> Self {
        Self { greeting: "220 sink", tls: None, login: "235 welcome" }
    }
}

/// What was said to a server, in clear and under TLS.
#[derive(Debug, Default)]
struct Heard {
    in_clear: String,
    under_tls: String,
}

impl MailServer {
    /// With a certificate for 127.0.0.1 that nobody signed.
    fn with_tls() -> (Self, lettre::transport::smtp::client::Certificate) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("they belong together");
        let authority = lettre::transport::smtp::client::Certificate::from_der(own.cert.der().to_vec());
        let tls = Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)));
        (Self { tls, ..Self::default() }, authority.expect("a certificate"))
    }

    /// Its port, and what it heard once the client has left.
    async fn open(self) -> (u16, tokio::task::JoinHandle<Heard>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut heard = Heard::default();
            stream.write_all(format!("{}\r\n", self.greeting).as_bytes()).await.expect("greeted");
            let wants_tls = self.talk(&mut stream, &mut heard.in_clear, self.tls.is_some()).await;
            if let Some(tls) = self.tls.as_ref().filter(|_| wants_tls)
                && let Ok(mut stream) = tls.accept(stream).await
            {
                self.talk(&mut stream, &mut heard.under_tls, false).await;
            }
            heard
        });
        (port, heard)
    }

    /// Answers whether the client asks for TLS now; else it has left.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        heard: &mut String,
        offers_tls: bool,
    ) -> bool {
        let mut stream = BufReader::new(stream);
        let mut in_mail = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return false;
            }
            heard.push_str(&line);
            let line = line.trim_end();
            let answer = match line {
                "." if in_mail => "250 taken",
                _ if in_mail => continue,
                "DATA" => "354 go on",
                "STARTTLS" if offers_tls => "220 begin",
                hello if hello.starts_with("EHLO") && offers_tls => {
                    "250-sink\r\n250-STARTTLS\r\n250 AUTH PLAIN"
                }
                hello if hello.starts_with("EHLO") => "250-sink\r\n250 AUTH PLAIN",
                auth if auth.starts_with("AUTH") => self.login,
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            in_mail = line == "DATA";
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return false;
            }
            if answer == "220 begin" {
                return true;
            }
        }
    }
}

fn mailbox(port: u16, security: Security) -> Mailbox {
    Mailbox {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        login: Some(("fenicia".to_owned(), Secret::new("hush"))),
        from: "fenicia@example.com".to_owned(),
        to: vec!["ops@example.com".to_owned(), "ana@example.com".to_owned()],
    }
}

/// As `AUTH PLAIN` sends it.
fn is_password_in(said: &str) -> bool {
    use base64::Engine as _;
    said.contains(&base64::engine::general_purpose::STANDARD.encode("\0fenicia\0hush"))
        || said.contains("hush")
}

#[tokio::test]
async fn a_mail_arrives_with_its_subject_its_text_and_an_id_that_stays() {
    let (port, heard) = MailServer::default().open().await;
    send(&Target::Email(mailbox(port, Security::None))).await.expect("taken");
    let said = heard.await.expect("the server's record").in_clear;
    for part in [
        "MAIL FROM:<fenicia@example.com>",
        "RCPT TO:<ops@example.com>",
        "RCPT TO:<ana@example.com>",
        "Subject: [fenicia] An order could not be synced",
        "Message-ID: <msg_0196a3c0-0000-7000-8000-000000000001@example.com>",
        "What to do: Correct it.",
        "https://fenicia.lan/orders/tienda:42",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[tokio::test]
async fn over_starttls_nothing_but_the_wish_for_it_is_said_in_clear() {
    let (server, authority) = MailServer::with_tls();
    let (port, heard) = server.open().await;
    let message = Message::of(&told("sync_failed"), Phase::Opened, None);
    let post = Post::trusting(Clock::system(), authority);
    post.send(&Target::Email(mailbox(port, Security::StartTls)), &message).await.expect("taken");
    let heard = heard.await.expect("the server's record");
    let words: Vec<&str> = heard.in_clear.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(words, ["EHLO", "STARTTLS"], "{heard:?}");
    assert!(is_password_in(&heard.under_tls), "the login works under TLS");
    assert!(heard.under_tls.contains("What to do: Correct it."), "{heard:?}");
}

#[tokio::test]
async fn a_certificate_of_nobody_known_gets_neither_password_nor_mail() {
    let (server, _) = MailServer::with_tls();
    let (port, heard) = server.open().await;
    let refused = send(&Target::Email(mailbox(port, Security::StartTls))).await.expect_err("not trusted");
    for part in [
        "127.0.0.1 shows a certificate that is not trusted here",
        "neither password nor mail",
        "Give the server",
    ] {
        assert!(refused.why.contains(part), "{part}: {refused:?}");
    }
    assert!(!refused.for_good, "{refused:?}");
    let heard = heard.await.expect("the server's record");
    assert!(!is_password_in(&heard.in_clear) && heard.under_tls.is_empty(), "{heard:?}");
}

#[tokio::test]
async fn a_mail_server_without_tls_gets_neither_password_nor_mail() {
    let (port, heard) = MailServer::default().open().await;
    let refused = send(&Target::Email(mailbox(port, Security::StartTls))).await.expect_err("no TLS");
    assert!(refused.why.contains("offers no TLS (STARTTLS)"), "{refused:?}");
    assert!(refused.why.contains("Turn it on there"), "{refused:?}");
    let heard = heard.await.expect("the server's record");
    assert!(!heard.in_clear.contains("AUTH") && !heard.in_clear.contains("MAIL"), "{heard:?}");
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_told_without_addresses_and_secrets() {
    let server = MailServer { greeting: "554 not for ops@example.com", ..MailServer::default() };
    let (port, _heard) = server.open().await;
    let refused = send(&Target::Email(mailbox(port, Security::None))).await.expect_err("refused");
    assert!(refused.why.contains("554") && !refused.why.contains('@'), "{refused:?}");

    let server = MailServer { login: "535 no such user", ..MailServer::default() };
    let (port, _heard) = server.open().await;
    let refused = send(&Target::Email(mailbox(port, Security::None))).await.expect_err("refused");
    assert!(
        refused.why.contains("does not let us in") && refused.why.contains("Correct username"),
        "{refused:?}"
    );
    assert!(!is_password_in(&refused.why), "{refused:?}");

    let closed =
        TcpListener::bind("127.0.0.1:0").await.expect("bound").local_addr().expect("an address").port();
    let refused = send(&Target::Email(mailbox(closed, Security::None))).await.expect_err("nobody listens");
    assert!(refused.why.contains("is not reached") && refused.why.contains("Compare smtp"), "{refused:?}");
}
