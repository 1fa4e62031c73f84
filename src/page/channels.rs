//! All channels as cards, worst first.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;

use super::badge::{self, Badge, Tile};
use super::chart::{self, Strip};
use super::failure::{self, Context, Telling};
use super::frame::{Frame, Here};
use super::hours::{Day, HOURS};
use super::language::fill;
use super::leaf::html;
use super::moment::{self, Moment};
use super::reader::{Answer, Reader};
use super::run::{self, Run};
use super::said::Said;
use super::words::Words;
use crate::actors::Connection;
use crate::channel::Method;
use crate::model::{ConnectionState, ConnectionStatus, FailureKind, SyncError, Timestamp};
use crate::store::{ChannelCounts, SyncRunState, SyncStatus};
use crate::web::{Problem, desk};

/// A connection with what the store knows of it.
pub struct Known {
    pub connection: Arc<Connection>,
    pub state: Option<ConnectionState>,
    pub counts: ChannelCounts,
    /// Running, or the last one.
    pub run: Option<SyncStatus>,
    pub day: Day,
    /// When its newest order was placed.
    pub newest: Option<Timestamp>,
    pub now: Timestamp,
}

/// A wait that the marketplace asks for is told as a delay from this length on.
const LONG_WAIT: Duration = Duration::from_secs(20);
/// Without a new order for so long, the reader is told that this is no fault.
const QUIET_AFTER: Duration = Duration::from_hours(6);

impl Known {
    /// As it is shown: also a connection without a fault is delayed when its checks bring nothing,
    /// or when it must wait for long.
    pub fn status(&self) -> ConnectionStatus {
        match desk::connection_status(self.connection.enabled, self.state.as_ref()) {
            ConnectionStatus::Connected if self.is_late() || self.waits_long() => ConnectionStatus::Degraded,
            status => status,
        }
    }

    fn last_success(&self) -> Option<Timestamp> {
        self.state.as_ref()?.last_success_at
    }

    fn is_late(&self) -> bool {
        self.last_success().is_some_and(|at| self.connection.is_late(at, self.now))
    }

    fn waits_long(&self) -> bool {
        let error = self.state.as_ref().and_then(|state| state.last_error.as_ref());
        let asked = error.filter(|error| error.kind == FailureKind::RateLimited).map(|error| error.at);
        let until = self.parked_until(self.now);
        asked.zip(until).is_some_and(|(asked, until)| until.since(asked) >= LONG_WAIT)
    }

    /// How long no order came while all is well, when that is long enough to wonder.
    fn quiet_for(&self) -> Option<Duration> {
        let since = self.now.since(self.newest?);
        (self.status() == ConnectionStatus::Connected && since >= QUIET_AFTER).then_some(since)
    }

    /// Calls are held back until then.
    pub fn parked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.state.as_ref()?.parked_until.filter(|until| *until > now)
    }

    pub fn running(&self) -> Option<&SyncStatus> {
        self.run.as_ref().filter(|run| run.state == SyncRunState::Running)
    }

    /// Worst first.
    pub fn rank(&self) -> u8 {
        match self.status() {
            ConnectionStatus::NeedsReconnect => 0,
            ConnectionStatus::Degraded => 1,
            ConnectionStatus::Connected => 2,
            ConnectionStatus::Disabled => 3,
        }
    }
}

/// What is known of these channels, worst first.
pub async fn look_up(reader: &Reader<'_>, connections: Vec<Arc<Connection>>) -> Result<Vec<Known>, Problem> {
    let days = reader.page.hours.of(reader).await?;
    let today = reader.moments.midnight(0);
    let now = reader.moments.now;
    reader.page.runs.recall(reader).await?;
    let last: Vec<_> = connections.iter().map(|c| reader.page.runs.of(&c.id)).collect();
    let mut known = reader
        .read(move |store| {
            let mut known = Vec::new();
            for (connection, last) in connections.into_iter().zip(last) {
                let running = store.running_bulk(&connection.id)?;
                let run = running.or(last).map(|id| store.sync_status(id)).transpose()?.flatten();
                known.push(Known {
                    state: store.connection(&connection.id)?,
                    counts: store.channel_counts(&connection.id, today)?,
                    day: days.get(&connection.id).copied().unwrap_or([0; HOURS]),
                    newest: store.newest_order(&connection.id)?,
                    now,
                    run,
                    connection,
                });
            }
            Ok(known)
        })
        .await?;
    for one in &known {
        if let Some(run) = one.running() {
            reader.page.runs.note(&one.connection.id, run.id);
        }
    }
    known.sort_by_key(Known::rank);
    Ok(known)
}

pub struct Card {
    pub id: String,
    pub name: String,
    pub tile: Tile,
    pub badge: Badge,
    pub note: String,
    pub method: String,
    /// That no order came for long is no fault.
    pub quiet: String,
    pub enabled: bool,
    pub reconnect: bool,
    /// Why no bulk sync can be started now; empty when it can.
    pub refused: String,
    pub failure: Option<Telling>,
    pub run: Option<Run>,
    pub last_success: Option<Moment>,
    pub next_poll: Option<Moment>,
    pub backlog: String,
    pub waits: bool,
    pub today: String,
    pub total: String,
    pub strip: Strip,
    /// On a page of its own, which has its name and its buttons.
    pub alone: bool,
    /// Where a form on the card leads back to.
    pub back: String,
    pub rank: u8,
}

impl Card {
    pub fn of(reader: &Reader<'_>, known: &Known, back: &str) -> Self {
        let (connection, moments, language) = (&*known.connection, &reader.moments, reader.language());
        let failure = trouble(reader, known);
        let status = known.status();
        let waits = known.counts.backlog > 0;
        Self {
            id: connection.id.to_string(),
            name: connection.name.clone(),
            tile: Tile::of(Some(connection), ""),
            badge: badge::connection(status, reader.w),
            note: note(reader, known),
            method: method(reader, connection),
            quiet: quiet(reader, known),
            enabled: connection.enabled,
            reconnect: status == ConnectionStatus::NeedsReconnect,
            refused: refused(reader, known),
            failure,
            run: known.run.as_ref().map(|run| run::show(reader, run)),
            last_success: known.last_success().map(|at| moments.short(at)),
            next_poll: connection
                .next_poll_at()
                .filter(|_| status != ConnectionStatus::NeedsReconnect)
                .map(|at| moments.short(at)),
            backlog: language.number(known.counts.backlog),
            waits,
            today: language.number(known.counts.today),
            total: language.number(known.counts.total),
            strip: chart::strip(&known.day, language),
            alone: false,
            back: back.to_owned(),
            rank: known.rank(),
        }
    }
}

fn method(reader: &Reader<'_>, connection: &Connection) -> String {
    let w = reader.w;
    let how = match connection.kind.method {
        Method::Polling => w.by_polling,
        Method::WebhooksAndPolling => w.by_webhooks,
    };
    fill(how, &[("t", &schedule(&connection.schedule, w))])
}

/// "No new order for 9 h, last check 2 min ago"
fn quiet(reader: &Reader<'_>, known: &Known) -> String {
    let Some((quiet, checked)) = known.quiet_for().zip(known.last_success()) else { return String::new() };
    let checked = reader.moments.ago(checked);
    fill(reader.w.quiet_for, &[("t", &moment::span(quiet.as_secs())), ("a", &checked)])
}

/// The usual schedules in words, others as configured.
fn schedule(expression: &str, w: &'static Words) -> String {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let step = |field: &str| field.strip_prefix("*/").map(str::to_owned);
    let told = match fields[..] {
        ["0", "*", "*", "*", "*"] => Some(w.every_hour.to_owned()),
        [minute, "*", "*", "*", "*"] => step(minute).map(|n| fill(w.every_minutes, &[("n", &n)])),
        [second, "*", "*", "*", "*", "*"] => step(second).map(|n| fill(w.every_seconds, &[("n", &n)])),
        _ => None,
    };
    told.unwrap_or_else(|| fill(w.on_schedule, &[("t", expression)]))
}

/// Beside the badge: since when, until when, how far.
fn note(reader: &Reader<'_>, known: &Known) -> String {
    let (w, moments) = (reader.w, &reader.moments);
    if let Some(until) = known.parked_until(moments.now) {
        return fill(w.until, &[("t", &moments.short(until).text)]);
    }
    match (known.status(), &known.state) {
        (ConnectionStatus::Degraded, Some(_)) if known.is_late() => {
            let since = known.last_success().map(|at| moments.short(at).text).unwrap_or_default();
            fill(w.no_answer_since, &[("t", &since)])
        }
        (ConnectionStatus::NeedsReconnect | ConnectionStatus::Degraded, Some(state)) => {
            if state.last_error.is_none() {
                return w.not_asked_yet.to_owned();
            }
            fill(w.since, &[("t", &moments.short(state.status_since).text)])
        }
        (ConnectionStatus::Degraded, None) => w.not_asked_yet.to_owned(),
        _ => known.running().map(|run| importing(reader, run)).unwrap_or_default(),
    }
}

fn importing(reader: &Reader<'_>, run: &SyncStatus) -> String {
    let over = run.done + run.failed;
    let percent = (over * 100).checked_div(run.found.max(run.total.unwrap_or(0))).unwrap_or(0);
    fill(reader.w.syncing_percent, &[("n", &percent.min(100).to_string())])
}

/// How many orders wait; empty when none does.
pub fn waiting(reader: &Reader<'_>, known: &Known) -> String {
    let forms = (reader.w.orders_wait_one, reader.w.orders_wait_other);
    let backlog = known.counts.backlog;
    if backlog == 0 { String::new() } else { reader.language().count(backlog, forms) }
}

/// Why the channel is not well, where there is something to tell.
pub fn trouble(reader: &Reader<'_>, known: &Known) -> Option<Telling> {
    let (w, moments) = (reader.w, &reader.moments);
    let title = known.connection.kind.title;
    let waiting = waiting(reader, known);
    let besides = |phrase: &str| format!("{phrase} {waiting}").trim_end().to_owned();
    if let Some(until) = known.parked_until(moments.now) {
        return Some(Telling {
            tone: "amber",
            icon: "clock",
            title: fill(w.asks_to_wait_until, &[("c", title), ("t", &moments.short(until).text)]),
            why: Said::own(w.limited_why),
            advice: w.nothing_to_do.to_owned(),
            meanwhile: besides(w.goes_on_by_itself),
            ..Telling::default()
        });
    }
    if !matches!(known.status(), ConnectionStatus::NeedsReconnect | ConnectionStatus::Degraded) {
        return None;
    }
    let error = known.state.as_ref()?.last_error.as_ref()?;
    let shown =
        SyncError { kind: error.kind, message: error.message.clone(), retry_at: None, conflict: false };
    let mut told = failure::tell(reader, &shown, Context { at: Some(error.at), ..Context::of(title) });
    if known.status() == ConnectionStatus::NeedsReconnect {
        told.meanwhile = besides(w.messages_still_kept);
        if !reader.is_admin() {
            told.advice = w.ask_admin_to_reconnect.to_owned();
        }
    } else {
        told.meanwhile = besides(w.goes_on_by_itself);
    }
    Some(told)
}

fn refused(reader: &Reader<'_>, known: &Known) -> String {
    let w = reader.w;
    if !known.connection.enabled {
        return w.channel_is_off.to_owned();
    }
    if known.status() == ConnectionStatus::NeedsReconnect {
        return w.reconnect_first.to_owned();
    }
    if let Some(until) = known.parked_until(reader.moments.now) {
        let until = reader.moments.short(until).text;
        return fill(w.asks_to_wait_until, &[("c", known.connection.kind.title), ("t", &until)]);
    }
    if known.running().is_some() { w.sync_is_running.to_owned() } else { String::new() }
}

#[derive(Template)]
#[template(path = "channels.html")]
struct Channels {
    w: &'static Words,
    frame: Frame,
    sentence: String,
    cut: String,
    cards: Vec<Card>,
}

/// `/channels`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let known = look_up(reader, reader.api.handle.channels()).await?;
    let cards = known.iter().map(|known| Card::of(reader, known, "/channels")).collect();
    let frame = Frame::new(reader, Here::Channels, reader.w.channels).await?;
    let (sentence, cut) = (tally(reader, &known), cut_off(reader, &known));
    Ok(html(200, &Channels { w: reader.w, frame, sentence, cut, cards }))
}

/// "5 channels: 3 connected, 1 delayed, 1 to reconnect"
fn tally(reader: &Reader<'_>, known: &[Known]) -> String {
    let (w, language) = (reader.w, reader.language());
    let of = |status| known.iter().filter(|known| known.status() == status).count() as u64;
    let parts: Vec<String> = [
        (of(ConnectionStatus::Connected), w.n_connected),
        (of(ConnectionStatus::Degraded), w.n_delayed),
        (of(ConnectionStatus::NeedsReconnect), w.n_to_reconnect),
        (of(ConnectionStatus::Disabled), w.n_off),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, phrase)| fill(phrase, &[("n", &language.number(count))]))
    .collect();
    let all = language.count(known.len() as u64, (w.channels_one, w.channels_other));
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}

/// Which channels a person must reconnect: spoken to who hears the page.
pub fn cut_off(reader: &Reader<'_>, known: &[Known]) -> String {
    let off = known.iter().filter(|known| known.status() == ConnectionStatus::NeedsReconnect);
    let told = off.filter_map(|known| {
        let since = reader.moments.short(known.state.as_ref()?.status_since).text;
        Some(fill(reader.w.disconnected_since, &[("c", &known.connection.name), ("t", &since)]))
    });
    told.collect::<Vec<_>>().join(". ")
}

/// One sentence on all channels: all in step, or who is not.
pub fn sentence(reader: &Reader<'_>, known: &[Known]) -> String {
    let (w, language) = (reader.w, reader.language());
    let used: Vec<&Known> = known.iter().filter(|known| known.connection.enabled).collect();
    if used.is_empty() {
        return w.no_channels.to_owned();
    }
    let well = used.iter().filter(|known| known.status() == ConnectionStatus::Connected).count();
    if well == used.len() {
        return language.count(well as u64, (w.all_in_step_one, w.all_in_step_other));
    }
    let (n, m) = (language.number(well as u64), language.number(used.len() as u64));
    let mut text = fill(w.some_in_step, &[("n", &n), ("m", &m)]);
    for known in used {
        let phrase = match known.status() {
            ConnectionStatus::NeedsReconnect => w.is_stopped,
            ConnectionStatus::Degraded => w.is_delayed,
            _ => continue,
        };
        text.push(' ');
        text.push_str(&fill(phrase, &[("c", &known.connection.name)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::language::Language;

    #[test]
    fn usual_schedules_are_told_in_words() {
        let w = Language::English.words();
        for (expression, wanted) in [
            ("0 * * * *", "every hour"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/30 * * * * *", "every 30 seconds"),
            ("5 8 * * 1-5", "on schedule (5 8 * * 1-5)"),
        ] {
            assert_eq!(schedule(expression, w), wanted);
        }
    }
}
