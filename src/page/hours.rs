//! Orders per hour of the last day, by channel: counted from the store's index, kept for a moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::reader::Reader;
use crate::model::{ChannelId, Timestamp};
use crate::store::{Store, StoreError};
use crate::web::Problem;

/// Hours looked back upon, the one under way included.
pub const HOURS: usize = 24;
const KEPT: Duration = Duration::from_secs(20);

/// Oldest hour first.
pub type Day = [u64; HOURS];

#[derive(Default)]
pub struct Hours(Mutex<Option<Counted>>);

#[derive(Clone)]
struct Counted {
    at: Timestamp,
    /// Begin of the hour under way; zones differ by half hours.
    hour: Timestamp,
    days: BTreeMap<ChannelId, Day>,
}

impl Hours {
    pub async fn of(&self, reader: &Reader<'_>) -> Result<BTreeMap<ChannelId, Day>, Problem> {
        let (now, hour) = (reader.moments.now, reader.moments.hour(0));
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.hour == hour && now.since(kept.at) < KEPT) {
            return Ok(kept.days);
        }
        let channels: Vec<ChannelId> = reader.api.handle.channels().iter().map(|c| c.id.clone()).collect();
        let days = reader.read(move |store| count(store, channels, hour)).await?;
        let counted = Counted { at: now, hour, days: days.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
        Ok(days)
    }
}

fn count(
    store: &Store,
    channels: Vec<ChannelId>,
    hour: Timestamp,
) -> Result<BTreeMap<ChannelId, Day>, StoreError> {
    let mut days = BTreeMap::new();
    for channel in channels {
        let mut day = [0; HOURS];
        let mut later = 0;
        for (back, slot) in day.iter_mut().rev().enumerate() {
            let begin = hour.minus(Duration::from_hours(back as u64));
            let since = store.channel_counts(&channel, begin)?.today;
            *slot = since.saturating_sub(later);
            later = since;
        }
        days.insert(channel, day);
    }
    Ok(days)
}
