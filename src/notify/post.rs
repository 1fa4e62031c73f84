//! Says a message to a target, once.

use std::sync::OnceLock;
use std::time::Duration;

use lettre::transport::smtp::client::Certificate;

use super::{Message, chat, mail, webhook};
use crate::clock::Clock;
use crate::config::Target;
use crate::model::Timestamp;
use crate::net::{Http, HttpOptions, Reach, Request};

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Names the host; holds no secret.
    pub why: String,
    /// Another attempt would be refused in the same way.
    pub for_good: bool,
    /// The receiver asks not to be told before.
    pub not_before: Option<Timestamp>,
}

impl Undelivered {
    pub(super) fn for_now(why: String) -> Self {
        Self { why, for_good: false, not_before: None }
    }

    pub(super) fn for_good(why: String) -> Self {
        Self { why, for_good: true, not_before: None }
    }
}

/// The clients that messages leave by, set up with the first one.
pub struct Post {
    clock: Clock,
    guarded: OnceLock<Http>,
    anywhere: OnceLock<Http>,
    /// Authorities of mail servers beside those of this machine: for tests.
    trusted: Vec<Certificate>,
}

const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_MAX_BYTES: usize = 64 << 10;
/// What is kept of an answer that refuses.
const QUOTED: usize = 120;

impl Post {
    pub fn new(clock: Clock) -> Self {
        Self { clock, guarded: OnceLock::new(), anywhere: OnceLock::new(), trusted: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn trusting(clock: Clock, authority: Certificate) -> Self {
        Self { trusted: vec![authority], ..Self::new(clock) }
    }

    /// One attempt.
    pub async fn send(&self, target: &Target, message: &Message) -> Result<(), Undelivered> {
        match target {
            Target::Webhook { url, key, allow_internal } => {
                let request = webhook::request(message, url.expose(), key.as_ref(), self.clock.now());
                self.deliver(request, *allow_internal).await
            }
            Target::Slack { url, allow_internal } => {
                self.deliver(chat::request(message, url.expose()), *allow_internal).await
            }
            Target::Email(mailbox) => mail::send(mailbox, message, &self.trusted).await,
        }
    }

    async fn deliver(&self, request: Request, allow_internal: bool) -> Result<(), Undelivered> {
        let http = self.client(allow_internal)?;
        let answer = http.send(request, TIMEOUT, self.clock.now()).await;
        let answer = answer.map_err(|failure| {
            // The whole answer is not needed: its status says that it was taken.
            Undelivered::for_now(failure.message)
        })?;
        if answer.is_success() {
            return Ok(());
        }
        let why = match answer.status {
            300..400 => {
                format!("it answers {} and points elsewhere; redirects are not followed", answer.status)
            }
            410 => "it answers 410: nothing is taken there any more".to_owned(),
            status => format!("it answers {status}{}", quoted(&answer.body)),
        };
        Err(Undelivered {
            why,
            for_good: answer.status == 410,
            not_before: answer.retry_after(self.clock.now()),
        })
    }

    fn client(&self, allow_internal: bool) -> Result<&Http, Undelivered> {
        let (cell, reach) =
            if allow_internal { (&self.anywhere, Reach::Anywhere) } else { (&self.guarded, Reach::Public) };
        if let Some(http) = cell.get() {
            return Ok(http);
        }
        let options = HttpOptions {
            body_max_bytes: ANSWER_MAX_BYTES,
            connect_timeout: CONNECT_TIMEOUT,
            user_agent: concat!("fenicia/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let http = Http::reaching(reach, options).map_err(|error| Undelivered::for_now(error.to_string()))?;
        Ok(cell.get_or_init(|| http))
    }
}

/// The beginning of what a receiver says, on one line and in plain characters.
fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
    let line: String = plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(QUOTED).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
