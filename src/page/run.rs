//! A bulk sync as it is shown: bar, numbers, time left.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::failure;
use super::form::address;
use super::language::{Language, fill};
use super::reader::Reader;
use crate::model::{ChannelId, SyncId, Timestamp};
use crate::store::{Store, SyncPhase, SyncRunState, SyncStatus};
use crate::web::{Problem, desk};

/// The last bulk sync of each channel: its summary stays until the next one.
#[derive(Default)]
pub struct LastRuns {
    runs: Mutex<HashMap<ChannelId, LastRun>>,
    /// Those before this process were looked up.
    recalled: OnceCell<()>,
}

struct LastRun {
    id: SyncId,
    /// The time left as it was last told, in seconds, and when it came to that.
    left: Option<(u64, Timestamp)>,
}

impl LastRuns {
    /// Looks up once what ran before this process.
    pub async fn recall(&self, reader: &Reader<'_>) -> Result<(), Problem> {
        let look = async || {
            for (channel, id) in reader.read(Store::last_bulks).await? {
                self.known().entry(channel).or_insert(LastRun { id, left: None });
            }
            Ok(())
        };
        self.recalled.get_or_try_init(look).await.copied()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ChannelId, LastRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, channel: &ChannelId, id: SyncId) {
        let mut runs = self.known();
        if runs.get(channel).is_none_or(|run| run.id != id) {
            runs.insert(channel.clone(), LastRun { id, left: None });
        }
    }

    pub fn of(&self, channel: &ChannelId) -> Option<SyncId> {
        self.known().get(channel).map(|run| run.id)
    }

    /// The time left to be told where the estimate is `seconds`; the same for all who look.
    fn left(&self, sync: &SyncStatus, seconds: u64, now: Timestamp) -> u64 {
        let mut runs = self.known();
        let run = runs.get_mut(&sync.channel).filter(|run| run.id == sync.id);
        let told = steady(run.as_ref().and_then(|run| run.left), seconds, now);
        if let Some(run) = run {
            run.left = Some(told);
        }
        told.0
    }
}

/// Readers look at most once a second.
const BETWEEN_STEPS: Duration = Duration::from_secs(2);

/// Rounded so that it does not flicker: 5 s, 1 min, 5 min.
const fn rounded(seconds: u64) -> u64 {
    let step = step(seconds);
    let steps = seconds.div_ceil(step);
    if steps == 0 { step } else { steps * step }
}

const fn step(seconds: u64) -> u64 {
    match seconds {
        ..60 => 5,
        60..900 => 60,
        _ => 300,
    }
}

/// What is told after `told`: it may fall freely, but rises by one step at a time.
fn steady(told: Option<(u64, Timestamp)>, seconds: u64, now: Timestamp) -> (u64, Timestamp) {
    let fresh = rounded(seconds);
    match told {
        Some((before, at)) if fresh > before => {
            if now.since(at) < BETWEEN_STEPS {
                (before, at)
            } else {
                (before + step(before), now)
            }
        }
        _ => (fresh, now),
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
        left: desk::eta(sync, moments.now)
            .map(|left| time_left(reader.page.runs.left(sync, left, moments.now), reader.language()))
            .unwrap_or_default(),
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
        let href = address("/failures", &[("sync", &sync.id.to_string())]);
        numbers.push(Number { text: fill(w.n_failed, &[("n", &number(sync.failed))]), href });
    }
    numbers
}

fn time_left(seconds: u64, language: Language) -> String {
    let w = language.words();
    let (phrase, number) =
        if seconds < 60 { (w.seconds_left, seconds) } else { (w.minutes_left, seconds / 60) };
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
            (58, "about 1 min left"),
            (61, "about 2 min left"),
            (180, "about 3 min left"),
            (2_000, "about 35 min left"),
        ] {
            assert_eq!(time_left(rounded(seconds), Language::English), wanted);
        }
    }

    #[test]
    fn the_time_left_rises_by_one_step_at_a_time() {
        let at = |secs| Timestamp::from_secs(secs);
        let first = steady(None, 42, at(0));
        assert_eq!(first.0, 45);
        assert_eq!(steady(Some(first), 400, at(1)).0, 45, "two readers do not make two steps");
        let second = steady(Some(first), 400, at(2));
        assert_eq!(second, (50, at(2)));
        assert_eq!(steady(Some((840, at(2))), 5_000, at(9)).0, 900);
        assert_eq!(steady(Some((900, at(2))), 5_000, at(9)).0, 1_200);
        assert_eq!(steady(Some(second), 7, at(3)).0, 10, "it falls freely");
    }
}
