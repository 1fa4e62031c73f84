//! Parked work in groups of one cause, and putting it back to work.

use askama::Template;

use super::actions;
use super::failure::{self, Context};
use super::filters::{Choice, Opt};
use super::foreign;
use super::form::{Form, address, local, query};
use super::frame::{Frame, Here, Told};
use super::language::{capitalised, fill};
use super::leaf::{html, see_other};
use super::moment::Moment;
use super::reader::{Answer, Reader, order_href, segment};
use super::said::{self, Said};
use super::words::Words;
use crate::model::{Action, ActionState, ChannelId, FailureKind, Order, OrderKey, SyncId};
use crate::store::{Command, CommandAnswer, FailedWhat, FailureRow};
use crate::web::{Problem, desk};

/// Failures looked at for one page.
const LOOKED_AT: usize = 500;
/// Why what may have happened is not put back from here.
const LOOK_FIRST: &str = "It may have been done already. Look at the marketplace, then press Sync.";
/// Lines of one group.
const LINES: usize = 50;

pub struct Line {
    pub id: String,
    pub href: String,
    pub number: String,
    pub what: String,
    pub said: Said,
    pub at: Moment,
    pub attempts: String,
    pub next: String,
    pub correct_href: String,
    pub retriable: bool,
    pub dismissible: bool,
}

pub struct Group {
    pub id: String,
    pub tone: &'static str,
    pub icon: &'static str,
    pub name: String,
    pub summary: String,
    pub advice: String,
    pub href: String,
    /// The filters of just this group.
    pub filters: String,
    pub retriable: usize,
    pub retry: String,
    pub lines: Vec<Line>,
}

/// A failure with what it is about.
struct Known {
    row: FailureRow,
    action: Option<Action>,
    order: Option<Order>,
}

impl Known {
    fn is_unknown(&self) -> bool {
        self.action.as_ref().is_some_and(Action::is_in_doubt)
    }

    /// What was refused as it is would be refused again, and what may have happened must not
    /// happen twice.
    fn is_retriable(&self) -> bool {
        let same_again = self.row.error.kind == FailureKind::InvalidRequest;
        !(self.row.what == FailedWhat::Action && (same_again || self.is_unknown()))
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Filter {
    channel: Option<ChannelId>,
    kind: Option<FailureKind>,
    /// Only orders that failed in this bulk sync.
    sync: Option<SyncId>,
}

impl Filter {
    fn parse(form: &Form) -> Self {
        Self {
            channel: form.filled("channel").and_then(|id| ChannelId::new(id).ok()),
            kind: form.filled("kind").and_then(FailureKind::parse),
            sync: form.filled("sync").and_then(|id| id.parse().ok()),
        }
    }

    fn query(&self) -> String {
        let channel = self.channel.as_ref().map(ToString::to_string).unwrap_or_default();
        let sync = self.sync.map(|id| id.to_string()).unwrap_or_default();
        query(&[("channel", &channel), ("kind", self.kind.map_or("", FailureKind::as_str)), ("sync", &sync)])
    }

    /// `of_sync`: the orders that failed in the bulk sync, where only those are wanted.
    fn fits(&self, row: &FailureRow, of_sync: &[OrderKey]) -> bool {
        self.channel.as_ref().is_none_or(|channel| *channel == row.channel)
            && self.kind.is_none_or(|kind| kind == row.error.kind)
            && (self.sync.is_none() || row.order_id.as_ref().is_some_and(|order| of_sync.contains(order)))
    }
}

#[derive(Template)]
#[template(path = "failures.html")]
struct Failures {
    w: &'static Words,
    frame: Frame,
    sentence: String,
    retriable: usize,
    retry_all: String,
    kept: String,
    here: String,
    choices: Vec<Choice>,
    /// Only the failures of one bulk sync are shown.
    sync: Option<SyncId>,
    groups: Vec<Group>,
    /// With nothing to show: when the last one was over.
    last: String,
    more: bool,
}

/// `/failures`
pub async fn show(reader: &Reader<'_>) -> Answer {
    if reader.query.pairs().any(|(_, value)| value.is_empty()) {
        return Ok(see_other(address("/failures", &reader.query.pairs().collect::<Vec<_>>())));
    }
    let filter = Filter::parse(&reader.query);
    let (known, more) = look_up(reader, &filter).await?;
    let (w, language) = (reader.w, reader.language());
    let retriable = known.iter().filter(|known| known.is_retriable()).count();
    let kept = filter.query();
    let told = told(reader);
    let page = Failures {
        w,
        frame: Frame::new(reader, Here::Failures, w.failures).await?.telling(told),
        sentence: language.count(known.len() as u64, (w.open_failures_one, w.open_failures_other)),
        retry_all: language.count(retriable as u64, (w.do_retry_all_one, w.do_retry_all_other)),
        here: if kept.is_empty() { "/failures".to_owned() } else { format!("/failures?{kept}") },
        choices: choices(reader, &filter),
        groups: groups(reader, &filter, &known),
        last: last(reader, &filter).await?,
        sync: filter.sync,
        retriable,
        kept,
        more,
    };
    Ok(html(200, &page))
}

/// Told where nothing narrows the list: a failure of another channel says nothing about this one.
async fn last(reader: &Reader<'_>, filter: &Filter) -> Result<String, Problem> {
    if *filter != Filter::default() {
        return Ok(String::new());
    }
    let at = reader.read(crate::store::Store::last_cured).await?;
    let at = at.map(|at| reader.moments.long(at).text);
    Ok(at.map(|at| fill(reader.w.last_failure_over, &[("t", &at)])).unwrap_or_default())
}

/// What the address says was done.
fn told(reader: &Reader<'_>) -> Option<Told> {
    let w = reader.w;
    if let Ok(count) = reader.query.get("retried").parse::<u64>() {
        let text = reader.language().count(count, (w.retried_one, w.retried_other));
        return Some(Told::good(text));
    }
    reader.query.filled("dismissed").map(|_| Told::good(w.dismissed))
}

async fn look_up(reader: &Reader<'_>, filter: &Filter) -> Result<(Vec<Known>, bool), Problem> {
    let filter = filter.clone();
    reader
        .read(move |store| {
            let page = store.failures(filter.channel.as_ref(), None, LOOKED_AT)?;
            let sync = filter.sync.map(|id| store.sync_status(id)).transpose()?.flatten();
            let of_sync = sync.map(|sync| sync.failed_orders).unwrap_or_default();
            let mut known = Vec::new();
            for row in page.items.into_iter().filter(|row| filter.fits(row, &of_sync)) {
                let action = row.action_id.map(|id| store.action(id)).transpose()?.flatten();
                let order = row.order_id.as_ref().map(|key| store.order(key)).transpose()?.flatten();
                known.push(Known { row, action, order: order.map(|(order, _)| order) });
            }
            Ok((known, page.next.is_some()))
        })
        .await
}

/// The groups of one channel, or of all.
pub async fn groups_of(reader: &Reader<'_>, channel: Option<ChannelId>) -> Result<Vec<Group>, Problem> {
    let filter = Filter { channel, ..Filter::default() };
    let (known, _) = look_up(reader, &filter).await?;
    Ok(groups(reader, &filter, &known))
}

/// By channel and kind, in the order of their newest failure.
fn groups(reader: &Reader<'_>, within: &Filter, known: &[Known]) -> Vec<Group> {
    let mut by_cause: Vec<(Filter, Vec<&Known>)> = Vec::new();
    for one in known {
        let cause = Filter {
            channel: Some(one.row.channel.clone()),
            kind: Some(one.row.error.kind),
            sync: within.sync,
        };
        match by_cause.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, members)) => members.push(one),
            None => by_cause.push((cause, vec![one])),
        }
    }
    by_cause.into_iter().filter_map(|(cause, members)| group(reader, &cause, &members)).collect()
}

fn group(reader: &Reader<'_>, cause: &Filter, members: &[&Known]) -> Option<Group> {
    let (w, language) = (reader.w, reader.language());
    let first = members.first()?;
    let (channel, kind) = (&first.row.channel, first.row.error.kind);
    let title = reader.title_of(channel);
    let told = failure::tell(reader, &first.row.error, Context::of(&title));
    let since = members.iter().map(|known| known.row.failed_at).min()?;
    let count = language.count(members.len() as u64, (w.items_one, w.items_other));
    let retriable = members.iter().filter(|known| known.is_retriable()).count();
    let filters = cause.query();
    Some(Group {
        id: format!("{channel}-{kind}"),
        tone: told.tone,
        icon: told.icon,
        name: format!("{} · {}", reader.channel_name(channel), told.title),
        summary: format!("{count} · {}", fill(w.since, &[("t", &reader.moments.short(since).text)])),
        advice: format!("{} {}", told.cause, told.advice),
        href: format!("/failures?{filters}"),
        retry: language.count(retriable as u64, (w.do_retry_all_one, w.do_retry_all_other)),
        lines: members.iter().take(LINES).map(|known| line(reader, known)).collect(),
        retriable,
        filters,
    })
}

fn line(reader: &Reader<'_>, known: &Known) -> Line {
    let (w, language, row) = (reader.w, reader.language(), &known.row);
    let number = known.order.as_ref().map(|order| foreign::line(&order.number));
    let number = number.or_else(|| row.order_id.as_ref().map(ToString::to_string)).unwrap_or_default();
    let correct = known.action.as_ref().filter(|action| action.state == ActionState::Failed);
    let next = row.next_attempt_at.map(|at| fill(w.tries_again_at, &[("t", &reader.moments.short(at).text)]));
    Line {
        id: segment(&row.id),
        href: row.order_id.as_ref().map(order_href).unwrap_or_default(),
        number,
        what: match row.what {
            FailedWhat::Sync => w.order_sync.to_owned(),
            FailedWhat::Poll => capitalised(w.scheduled_check),
            FailedWhat::Action => {
                let kind = known.action.as_ref().map_or("", |action| action.request.kind());
                actions::noun(kind, w).to_owned()
            }
        },
        said: said::tell(language, &row.error.message, &reader.title_of(&row.channel)),
        at: reader.moments.short(row.failed_at),
        attempts: language.count(row.attempts.into(), (w.attempts_one, w.attempts_other)),
        next: next.unwrap_or_default(),
        correct_href: correct.and_then(actions::form_of).unwrap_or_default(),
        retriable: known.is_retriable(),
        dismissible: row.what != FailedWhat::Poll,
    }
}

fn choices(reader: &Reader<'_>, filter: &Filter) -> Vec<Choice> {
    let w = reader.w;
    let chosen = filter.channel.as_ref();
    let mut channels = vec![Opt::new("", w.all_channels, chosen.is_none())];
    for connection in reader.api.handle.channels() {
        let is_chosen = chosen == Some(&connection.id);
        channels.push(Opt::new(connection.id.to_string(), connection.name.clone(), is_chosen));
    }
    let mut kinds = vec![Opt::new("", w.any_cause, filter.kind.is_none())];
    for kind in FailureKind::ALL {
        let name = fill(failure::words(*kind, false, w)[0], &[("c", w.the_channel)]);
        kinds.push(Opt::new(kind.as_str(), name, filter.kind == Some(*kind)));
    }
    vec![
        Choice { name: "channel", label: w.channel, options: channels },
        Choice { name: "kind", label: w.cause, options: kinds },
    ]
}

/// `POST /failures/{id}/retry`
pub async fn retry(reader: &Reader<'_>, id: &str) -> Answer {
    let failure = id.to_owned();
    let action = reader.read(move |store| {
        let action = store.failure(&failure)?.and_then(|row| row.action_id);
        Ok(action.map(|id| store.action(id)).transpose()?.flatten())
    });
    if action.await?.as_ref().is_some_and(Action::is_in_doubt) {
        return Err(Problem::conflict(LOOK_FIRST));
    }
    let count = desk::put_back(reader.api, Command::Retry(id.to_owned()), reader.asked()).await?;
    Ok(back(reader, &[("retried", &count.to_string())]))
}

/// `POST /failures/retry`: what the filters of the form leave.
pub async fn retry_many(reader: &Reader<'_>) -> Answer {
    let filter = Filter::parse(&Form::parse(reader.form.get("filters").as_bytes()));
    let (known, _) = look_up(reader, &filter).await?;
    let mut count = 0;
    for one in known.iter().filter(|known| known.is_retriable()) {
        let command = Command::Retry(one.row.id.clone());
        // One that was cured or retried meanwhile is no reason to leave the others.
        count += desk::put_back(reader.api, command, reader.asked_for(&one.row.id)).await.unwrap_or(0);
    }
    Ok(back(reader, &[("retried", &count.to_string())]))
}

/// `POST /failures/{id}/dismiss`
pub async fn dismiss(reader: &Reader<'_>, id: &str) -> Answer {
    let command = Command::Dismiss(id.to_owned());
    match reader.api.store.command(command, reader.asked(), reader.api.now()).await? {
        CommandAnswer::Done => Ok(back(reader, &[("dismissed", "1")])),
        _ => Err(Problem::internal()),
    }
}

fn back(reader: &Reader<'_>, done: &[(&str, &str)]) -> super::leaf::Leaf {
    let back = local(reader.form.filled("back").unwrap_or("/failures"));
    if back.starts_with("/orders/") {
        return see_other(back);
    }
    let joint = if back.contains('?') { '&' } else { '?' };
    see_other(format!("{back}{joint}{}", query(done)))
}
