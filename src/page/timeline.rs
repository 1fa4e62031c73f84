//! The timeline of an order, for people: under day headings, newest first.

use askama::Template;

use super::actions;
use super::failure::{self, Context, Telling};
use super::fields;
use super::foreign;
use super::form::address;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::moment::Moment;
use super::reader::{Answer, Reader, order_href};
use super::said::{self, Said};
use super::story::{self, Chapter, Plot};
use super::words::Words;
use crate::model::{Event, EventKind, FieldChange, OrderKey, OrderStatus, PaymentStatus, SyncState};
use crate::web::Problem;

const EVENTS: usize = 50;
/// Events looked through for problems at a time.
const LOOKED_AT: usize = 500;

pub struct Entry {
    pub icon: &'static str,
    pub tone: &'static str,
    pub text: Said,
    pub loud: bool,
    pub trigger: &'static str,
    pub by_icon: &'static str,
    pub facts: Vec<String>,
    pub changes: Vec<Diff>,
    pub at: Moment,
    pub failure: Option<Telling>,
    /// The failure is over.
    pub past: bool,
}

pub struct Diff {
    pub field: &'static str,
    pub from: Option<String>,
    pub to: Option<String>,
    /// What it was is nobody's business, or has no short form.
    pub only_says_so: bool,
}

pub struct Day {
    pub name: String,
    pub entries: Vec<Entry>,
}

pub struct Timeline {
    pub order: OrderKey,
    pub only_problems: bool,
    pub days: Vec<Day>,
    pub older: Option<String>,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage {
    w: &'static Words,
    frame: Frame,
    number: String,
    timeline: Timeline,
}

/// `/orders/{id}/timeline`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let (order, _) = actions::order(reader, id).await?;
    let number = foreign::line(&order.number);
    let before = reader.query.get("before").parse().ok();
    let only_problems = reader.query.get("only") == "problems";
    let title = format!("{} · {number} · {}", reader.w.timeline, reader.w.orders);
    let frame = Frame::new(reader, Here::Orders, title).await?;
    let timeline = of(reader, &order.key, before, only_problems).await?;
    Ok(html(200, &TimelinePage { w: reader.w, frame, number, timeline }))
}

/// The events before this one, at most a page of them.
pub async fn of(
    reader: &Reader<'_>,
    key: &OrderKey,
    before: Option<u64>,
    only_problems: bool,
) -> Result<Timeline, Problem> {
    let wanted = key.clone();
    let limit = if only_problems { LOOKED_AT } else { EVENTS };
    let (mut events, state) = reader
        .read(move |store| {
            let state = store.order(&wanted)?.map(|(order, _)| order.sync.state);
            Ok((store.timeline(&wanted, before, limit)?, state))
        })
        .await?;
    let oldest = events.last().map(|event| event.seq).filter(|seq| *seq > 0 && events.len() == limit);
    if only_problems {
        events.retain(|event| story::is_problem(event.kind));
    }
    let healthy = state == Some(SyncState::Synced);
    let channel = reader.title_of(&key.channel);
    let mut days: Vec<Day> = Vec::new();
    for chapter in story::tell(&events, healthy) {
        let name = reader.moments.heading(chapter.event.at);
        let entry = entry(reader, &chapter, &channel);
        match days.last_mut().filter(|day| day.name == name) {
            Some(day) => day.entries.push(entry),
            None => days.push(Day { name, entries: vec![entry] }),
        }
    }
    let older = oldest.map(|seq| {
        let only = if only_problems { "problems" } else { "" };
        let path = format!("{}/timeline", order_href(key));
        address(&path, &[("only", only), ("before", &seq.to_string())])
    });
    Ok(Timeline { order: key.clone(), only_problems, days, older })
}

fn entry(reader: &Reader<'_>, chapter: &Chapter<'_>, channel: &str) -> Entry {
    let (w, moments) = (reader.w, &reader.moments);
    let event = chapter.event;
    let headline = match &chapter.kind {
        Plot::Changed { headline } => headline,
        _ => event,
    };
    let (icon, tone) = look(chapter, headline);
    let (by_icon, trigger) = event.trigger.map_or(("", ""), |trigger| story::trigger(trigger, w));
    let past = matches!(chapter.kind, Plot::Failed { cured: true, .. });
    let context = Context { at: Some(event.at), attempt: Some(event.attempt), seq: Some(event.seq), channel };
    Entry {
        icon,
        tone,
        text: sentence(reader, chapter, headline, channel),
        loud: matches!(headline.kind, EventKind::ActionFailed | EventKind::ActionUnknown),
        trigger,
        by_icon,
        facts: facts(reader, chapter),
        changes: chapter.changes.iter().map(|change| diff(change, w)).collect(),
        at: moments.time(event.at),
        failure: event.error.as_ref().map(|error| failure::tell(reader, error, context)),
        past,
    }
}

fn look(chapter: &Chapter<'_>, headline: &Event) -> (&'static str, &'static str) {
    let (icon, tone) = story::look(headline.kind);
    match &chapter.kind {
        Plot::Failed { cured: false, .. } => (icon, "red"),
        Plot::Unchanged { .. } => ("clock", ""),
        _ => (icon, tone),
    }
}

fn sentence(reader: &Reader<'_>, chapter: &Chapter<'_>, headline: &Event, channel: &str) -> Said {
    let (w, language) = (reader.w, reader.language());
    let own = match &chapter.kind {
        Plot::Unchanged { times, .. } => {
            language.count(*times as u64, (w.seen_unchanged_one, w.seen_unchanged_other))
        }
        Plot::After { attempts } => fill(w.synced_after, &[("n", &attempts.to_string())]),
        Plot::Failed { .. } => {
            let told = headline.error.as_ref().map(|e| failure::tell(reader, e, Context::of(channel)).title);
            format!("{}: {}", w.sync_failed, told.unwrap_or_default())
        }
        Plot::Plain | Plot::Changed { .. } | Plot::Told { .. } => match headline.kind {
            EventKind::Created => w.e_created.to_owned(),
            EventKind::StatusChanged => w.e_status.to_owned(),
            EventKind::PaymentChanged => w.e_payment.to_owned(),
            EventKind::ShipmentAdded => w.e_shipment.to_owned(),
            EventKind::Changed => w.e_changed.to_owned(),
            EventKind::WebhookReceived => w.e_webhook.to_owned(),
            EventKind::PollSeen => w.e_seen.to_owned(),
            EventKind::SyncRequested => w.e_sync_asked.to_owned(),
            EventKind::SyncSucceeded => w.e_synced.to_owned(),
            EventKind::MissingAtSource => fill(w.gone, &[("c", channel)]),
            EventKind::Erased => w.e_erased.to_owned(),
            EventKind::ActionRequested => about_act(headline, w.act_asked, channel, w),
            EventKind::ActionDone => about_act(headline, w.act_confirmed, channel, w),
            EventKind::ActionFailed => about_act(headline, w.act_refused, channel, w),
            EventKind::ActionUnknown => about_act(headline, w.act_unknown, channel, w),
            EventKind::SyncFailed | EventKind::Anomaly => {
                return said::tell(language, &headline.summary, channel);
            }
        },
    };
    Said::own(own)
}

/// Which of the three it was is the begin of the store's own sentence.
fn about_act(event: &Event, phrase: &str, channel: &str, w: &'static Words) -> String {
    let begins = |with: &str| event.summary.starts_with(with);
    let kind = match () {
        () if begins("Shipment") => "ship",
        () if begins("New tracking") => "tracking",
        () if begins("Cancellation") => "cancel",
        () if begins("Acknowledgement") => "acknowledge",
        () => "",
    };
    fill(phrase, &[("a", actions::noun(kind, w)), ("c", channel)])
}

fn facts(reader: &Reader<'_>, chapter: &Chapter<'_>) -> Vec<String> {
    let (w, moments) = (reader.w, &reader.moments);
    let mut facts: Vec<String> = chapter.event.by.iter().map(|by| foreign::line(by)).collect();
    match &chapter.kind {
        Plot::Unchanged { first, .. } => {
            let (from, to) = (moments.time(*first).text, moments.time(chapter.event.at).text);
            facts.push(format!("{from}–{to}"));
        }
        Plot::Told { times, first } => {
            facts.push(reader.language().count(*times as u64, (w.times_one, w.times_other)));
            facts.push(fill(w.since, &[("t", &moments.time(*first).text)]));
        }
        Plot::Failed { again, .. } if !again.is_empty() => {
            let times: Vec<String> = again.iter().map(|at| moments.time(*at).text).collect();
            facts.push(fill(w.tried_again, &[("t", &times.join(", "))]));
        }
        _ => {}
    }
    let over = matches!(chapter.kind, Plot::Failed { cured: true, .. });
    if let Some(at) = chapter.event.error.as_ref().and_then(|error| error.retry_at).filter(|_| !over) {
        facts.push(fill(w.tries_again_at, &[("t", &moments.short(at).text)]));
    }
    facts
}

fn diff(change: &FieldChange, w: &'static Words) -> Diff {
    let told = |value: &Option<String>| value.as_deref().map(|value| value_word(&change.field, value, w));
    // A short form may hide the difference, and some values are nobody's business.
    let only_says_so = change.from == change.to;
    Diff {
        field: fields::name(&change.field, w),
        from: told(&change.from).filter(|_| !only_says_so),
        to: told(&change.to).filter(|_| !only_says_so),
        only_says_so,
    }
}

fn value_word(field: &str, value: &str, w: &'static Words) -> String {
    let known = match field {
        "status" => OrderStatus::parse(value).map(|status| super::badge::status(status, w).word),
        "payment_status" => PaymentStatus::parse(value).map(|status| super::badge::payment(status, w).word),
        _ => None,
    };
    known.map_or_else(|| foreign::line(value).chars().take(200).collect(), str::to_owned)
}
