//! A bulk sync as it is shown: bar, numbers, time left.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::failure;
use super::form::address;
use super::language::{Language, fill};
use super::reader::Reader;
use crate::model::{ChannelId, SyncId};
use crate::store::{SyncPhase, SyncRunState, SyncStatus};
use crate::web::desk;

/// The last bulk sync of each channel that the page saw: its summary stays until the next one.
#[derive(Default)]
pub struct LastRuns(Mutex<HashMap<ChannelId, SyncId>>);

impl LastRuns {
    pub fn note(&self, channel: &ChannelId, id: SyncId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(channel.clone(), id);
    }

    pub fn of(&self, channel: &ChannelId) -> Option<SyncId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(channel).copied()
    }
}

pub struct Number {
    pub text: String,
    pub href: String,
}

pub struct Run {
    pub id: SyncId,
    pub title: &'static str,
    pub since: String,
    pub started: String,
    pub by: String,
    pub running: bool,
    /// How many there are is known: the bar has an end.
    pub known: bool,
    pub found_raw: u64,
    pub over_raw: u64,
    pub numbers: Vec<Number>,
    pub left: String,
    pub failed_why: String,
}

pub fn show(reader: &Reader<'_>, sync: &SyncStatus) -> Run {
    let (w, moments) = (reader.w, &reader.moments);
    let running = sync.state == SyncRunState::Running;
    let known = sync.phase == SyncPhase::Syncing || sync.total.is_some();
    let found = sync.total.filter(|_| sync.phase == SyncPhase::Listing).unwrap_or(sync.found);
    let since = sync.since.map(|since| fill(w.since_date, &[("t", &moments.short(since).text)]));
    Run {
        id: sync.id,
        title: title(sync.state, w),
        since: since.unwrap_or_default(),
        started: fill(w.started_at, &[("t", &moments.short(sync.started_at).text)]),
        by: sync.started_by.clone().unwrap_or_default(),
        running,
        known,
        found_raw: found.max(1),
        over_raw: sync.done + sync.failed,
        numbers: numbers(reader, sync, found, known),
        left: desk::eta(sync, moments.now).map(|left| time_left(left, reader.language())).unwrap_or_default(),
        failed_why: sync.error.as_ref().map(|error| why(reader, sync, error)).unwrap_or_default(),
    }
}

const fn title(state: SyncRunState, w: &'static super::words::Words) -> &'static str {
    match state {
        SyncRunState::Running => w.syncing_orders,
        SyncRunState::Done => w.sync_done,
        SyncRunState::Failed => w.sync_broke_off,
        SyncRunState::Cancelled => w.sync_stopped,
    }
}

fn why(reader: &Reader<'_>, sync: &SyncStatus, error: &crate::model::SyncError) -> String {
    let channel = reader.title_of(&sync.channel);
    let told = failure::tell(reader, error, failure::Context::of(&channel));
    format!("{}. {} {}", told.title, told.cause, told.advice)
}

fn numbers(reader: &Reader<'_>, sync: &SyncStatus, found: u64, known: bool) -> Vec<Number> {
    let (language, w) = (reader.language(), reader.w);
    let plain = |text: String| Number { text, href: String::new() };
    let number = |number: u64| language.number(number);
    let over = sync.done + sync.failed;
    let mut numbers = vec![if known {
        plain(fill(w.n_of_m_done, &[("n", &number(over)), ("m", &number(found))]))
    } else {
        plain(fill(w.found_so_far, &[("n", &number(found))]))
    }];
    numbers.push(plain(fill(w.n_in_step, &[("n", &number(sync.done))])));
    if sync.failed > 0 {
        let href = address("/failures", &[("channel", sync.channel.as_str())]);
        numbers.push(Number { text: fill(w.n_failed, &[("n", &number(sync.failed))]), href });
    }
    numbers
}

/// Rounded so that it does not flicker: 5 s, 1 min, 5 min.
pub fn time_left(seconds: u64, language: Language) -> String {
    let w = language.words();
    let (phrase, number) = match seconds {
        ..60 => (w.seconds_left, seconds.div_ceil(5).max(1) * 5),
        60..900 => (w.minutes_left, seconds.div_ceil(60)),
        _ => (w.minutes_left, seconds.div_ceil(300) * 5),
    };
    fill(phrase, &[("n", &language.number(number))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_roughly() {
        for (seconds, wanted) in [
            (0, "about 5 s left"),
            (12, "about 15 s left"),
            (61, "about 2 min left"),
            (180, "about 3 min left"),
            (2_000, "about 35 min left"),
        ] {
            assert_eq!(time_left(seconds, Language::English), wanted);
        }
    }
}
