//! A failure as it is told: what, why, what to do, what fenicia does by itself, details to pass on.

use super::badge;
use super::foreign;
use super::language::fill;
use super::reader::Reader;
use super::said::{self, Said};
use super::words::Words;
use crate::model::{FailureKind, SyncError, Timestamp};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    pub tone: &'static str,
    pub icon: &'static str,
    pub title: String,
    /// The kind's word in the API.
    pub kind: &'static str,
    /// As the kind has it.
    pub cause: String,
    /// As it was said, else the cause with what was said.
    pub why: Said,
    pub advice: String,
    pub meanwhile: String,
    /// To be copied into a message to somebody's support.
    pub support: String,
    /// Where the same can be sent again, corrected.
    pub act_href: String,
    /// The parked work behind it.
    pub failure_id: String,
    pub retriable: bool,
}

/// When and as what it happened.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The marketplace's name.
    pub channel: &'a str,
    pub at: Option<Timestamp>,
    pub attempt: Option<u32>,
    pub seq: Option<u64>,
}

impl<'a> Context<'a> {
    pub const fn of(channel: &'a str) -> Self {
        Self { channel, at: None, attempt: None, seq: None }
    }
}

pub fn tell(reader: &Reader<'_>, error: &SyncError, context: Context<'_>) -> Telling {
    let w = reader.w;
    let [name, cause, advice] = words(error.kind, error.conflict, w);
    let named = |phrase: &str| fill(phrase, &[("c", context.channel)]);
    let cause = named(cause);
    let said = said::tell(reader.language(), &error.message, context.channel);
    let title = named(name);
    // That nothing was changed is worth saying each time.
    let enough = said.known && !said.is_empty() && error.kind != FailureKind::InvalidRequest;
    let repeats = said.parts.first().is_some_and(|first| first.text.starts_with(&title));
    Telling {
        tone: loud(badge::tone(error.kind)),
        icon: icon(error.kind),
        title,
        kind: error.kind.as_str(),
        why: match () {
            () if repeats => Said::own(&cause),
            () if enough => said,
            () => Said::own(&cause).and(said),
        },
        cause,
        support: support(error, context),
        advice: named(advice),
        meanwhile: meanwhile(reader, error),
        ..Telling::default()
    }
}

/// A notice has a colour even where the badge is grey.
const fn loud(tone: &'static str) -> &'static str {
    if tone.is_empty() { "amber" } else { tone }
}

pub const fn icon(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Permission => "plug",
        FailureKind::RateLimited => "clock",
        FailureKind::Unsupported => "info",
        _ => "warn",
    }
}

/// Name, cause and advice.
pub const fn words(kind: FailureKind, conflict: bool, w: &'static Words) -> [&'static str; 3] {
    match kind {
        FailureKind::NetworkTimeout => [w.timeout, w.timeout_why, w.timeout_do],
        FailureKind::RateLimited => [w.limited, w.limited_why, w.limited_do],
        FailureKind::Permission => [w.permission, w.permission_why, w.permission_do],
        FailureKind::NotFound => [w.gone, w.gone_why, w.gone_do],
        FailureKind::Unavailable => [w.unavailable, w.unavailable_why, w.unavailable_do],
        FailureKind::InvalidRequest if conflict => [w.conflict, w.conflict_why, w.conflict_do],
        FailureKind::InvalidRequest => [w.invalid, w.invalid_why, w.invalid_do],
        FailureKind::Unsupported => [w.unsupported, w.unsupported_why, w.unsupported_do],
    }
}

fn meanwhile(reader: &Reader<'_>, error: &SyncError) -> String {
    match (error.retry_at, error.kind) {
        (Some(at), _) => fill(reader.w.tries_again_at, &[("t", &reader.moments.short(at).text)]),
        (None, FailureKind::Permission) => reader.w.checks_paused.to_owned(),
        (None, _) => reader.w.not_repeated.to_owned(),
    }
}

fn support(error: &SyncError, context: Context<'_>) -> String {
    let mut parts = vec![context.channel.to_owned(), error.kind.to_string()];
    parts.extend(context.at.map(Timestamp::to_rfc3339_secs));
    parts.extend(context.attempt.map(|attempt| format!("attempt {attempt}")));
    parts.extend(context.seq.map(|seq| format!("event {seq}")));
    parts.push(foreign::line(&error.message));
    parts.join(" · ")
}
