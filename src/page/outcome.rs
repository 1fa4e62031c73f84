//! What came of the button that was just pressed, from the ids in the address.

use super::actions;
use super::failure::{self, Context};
use super::fields;
use super::language::fill;
use super::reader::Reader;
use crate::model::{Action, ActionState, Event, EventKind, Order};
use crate::store::{SyncRunState, SyncStatus};
use crate::web::Problem;

/// Events of the order looked at for what a sync changed.
const LOOKED_AT: usize = 20;

pub struct Outcome {
    pub tone: &'static str,
    pub icon: &'static str,
    pub text: String,
    /// Not over yet: look again soon.
    pub running: bool,
}

impl Outcome {
    fn new(tone: &'static str, icon: &'static str, text: impl Into<String>) -> Self {
        Self { tone, icon, text: text.into(), running: false }
    }
}

/// `None` when the address names nothing, or nothing of this order.
pub async fn of(reader: &Reader<'_>, order: &Order) -> Result<Option<Outcome>, Problem> {
    if let Ok(id) = reader.query.get("sync").parse() {
        let status = reader.read(move |store| store.sync_status(id)).await?;
        let status = status.filter(|status| status.order.as_ref() == Some(&order.key));
        return match status {
            Some(status) => of_sync(reader, order, &status).await.map(Some),
            None => Ok(None),
        };
    }
    if let Ok(id) = reader.query.get("action").parse() {
        let action = reader.read(move |store| store.action(id)).await?;
        let action = action.filter(|action| action.order == order.key);
        return Ok(action.and_then(|action| of_action(reader, &action)));
    }
    Ok(None)
}

async fn of_sync(reader: &Reader<'_>, order: &Order, sync: &SyncStatus) -> Result<Outcome, Problem> {
    let w = reader.w;
    let channel = reader.title_of(&sync.channel);
    Ok(match sync.state {
        SyncRunState::Running => {
            let text = fill(w.still_asking, &[("c", &channel)]);
            Outcome { running: true, ..Outcome::new("", "sync", text) }
        }
        SyncRunState::Done => {
            let key = order.key.clone();
            let events = reader.read(move |store| store.timeline(&key, None, LOOKED_AT)).await?;
            let changed = changed(&events, sync);
            let named =
                changed.iter().filter(|field| fields::is_own(field)).map(|field| fields::name(field, w));
            let named: Vec<String> = named.map(str::to_lowercase).collect();
            let text = match (&named[..], &changed[..]) {
                (_, []) => w.up_to_date.to_owned(),
                ([], _) => fill(w.updated, &[("x", w.own_fields)]),
                _ => fill(w.updated, &[("x", &named.join(", "))]),
            };
            Outcome::new("calm", "check", text)
        }
        SyncRunState::Failed | SyncRunState::Cancelled => {
            let why = sync.error.as_ref().or(order.sync.error.as_ref());
            let told = why.map(|error| failure::tell(reader, error, Context::of(&channel)).title);
            let text = format!("{}. {}", w.sync_failed, told.unwrap_or_default());
            Outcome::new("red", "warn", text)
        }
    })
}

/// Fields that events since the sync began say to have changed, each once.
fn changed(events: &[Event], sync: &SyncStatus) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for event in events.iter().filter(|event| event.at >= sync.started_at) {
        let mut add = |field: &str| {
            if !fields.iter().any(|known| known == field) {
                fields.push(field.to_owned());
            }
        };
        event.changes.iter().for_each(|change| add(&change.field));
        match event.kind {
            EventKind::ShipmentAdded => add("shipments"),
            EventKind::Created => add("created"),
            _ => {}
        }
    }
    fields
}

fn of_action(reader: &Reader<'_>, action: &Action) -> Option<Outcome> {
    let w = reader.w;
    let channel = reader.title_of(&action.order.channel);
    let noun = actions::noun(action.request.kind(), w);
    let values = [("c", channel.as_str()), ("a", noun)];
    match action.state {
        // The notice says that nobody knows.
        _ if action.is_in_doubt() => None,
        ActionState::Queued | ActionState::Running => {
            Some(Outcome { running: true, ..Outcome::new("", "clock", fill(w.act_under_way, &values)) })
        }
        ActionState::Done => Some(Outcome::new("calm", "check", fill(w.act_confirmed, &values))),
        // The notice of the failure says it.
        ActionState::Failed | ActionState::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChannelId, FieldChange, SyncId, Timestamp, Trigger};
    use crate::store::SyncPhase;

    #[test]
    fn only_what_changed_since_counts() {
        let at = Timestamp::from_secs;
        let sync = SyncStatus {
            id: SyncId(uuid::Uuid::nil()),
            channel: ChannelId::new("tienda").expect("an id"),
            order: None,
            state: SyncRunState::Done,
            phase: SyncPhase::Syncing,
            since: None,
            started_by: None,
            started_at: at(100),
            ended_at: None,
            found: 1,
            done: 1,
            failed: 0,
            total: None,
            token: None,
            boot: 1,
            error: None,
            failed_orders: Vec::new(),
        };
        let event = |second, field: &str| {
            let change = FieldChange { field: field.to_owned(), from: None, to: None };
            Event::new(at(second), EventKind::Changed, Some(Trigger::Manual), "").changes(vec![change])
        };
        let events = [event(120, "status"), event(110, "total"), event(110, "status"), event(99, "tags")];
        assert_eq!(changed(&events, &sync), ["status", "total"]);
    }
}
