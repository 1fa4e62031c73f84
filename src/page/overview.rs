//! The first page: is all well, who needs a person, what is going on.

use askama::Template;

use super::badge::{self, Badge, Tile};
use super::channels::{self, Card, Known};
use super::chart::{self, Chart};
use super::failure::{self, Context};
use super::fields;
use super::form::address;
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::moment::Moment;
use super::reader::{Answer, Reader, order_href};
use super::words::Words;
use crate::model::{Action, ActionState, ConnectionStatus, Order, OrderStatus};
use crate::store::{Change, FailedWhat, FailureRow, Summary};
use crate::web::Problem;

/// What needs a person is listed up to this, and the failures looked at for it.
const NEEDS: usize = 6;
const LOOKED_AT: usize = 200;
const CHANGES: u64 = 8;

struct Need {
    tone: &'static str,
    icon: &'static str,
    title: String,
    /// The order's number, when it is about one.
    order: String,
    href: String,
    detail: String,
    action: &'static str,
    action_href: String,
    /// What the action is about, for those who hear it alone.
    about: String,
    primary: bool,
}

struct TileCount {
    number: String,
    word: &'static str,
    glyph: &'static str,
    href: String,
}

struct Line {
    at: Moment,
    tile: Tile,
    href: String,
    number: String,
    badge: Badge,
    what: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    w: &'static Words,
    frame: Frame,
    sentence: String,
    cut: String,
    needs: Vec<Need>,
    needs_count: String,
    more_needs: bool,
    all_needs: String,
    channels: Vec<Card>,
    tiles: Vec<TileCount>,
    today_note: String,
    hours: Chart,
    lag: Chart,
    zone: String,
    feed: Vec<Line>,
}

/// `/`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let (w, moments) = (reader.w, &reader.moments);
    let known = channels::look_up(reader, reader.api.handle.channels()).await?;
    let mut needs = needs(reader, &known).await?;
    let all = needs.len();
    needs.truncate(NEEDS);
    let frame = Frame::new(reader, Here::Overview, w.overview).await?;
    let summary = reader.read(crate::store::Store::summary).await?;
    let by_name: Vec<_> = known.iter().map(|k| (k.connection.name.clone(), k.day)).collect();
    let zone = moments.zone_name();
    let page = Overview {
        sentence: channels::sentence(reader, &known),
        cut: channels::cut_off(reader, &known),
        needs,
        needs_count: all.to_string(),
        more_needs: all > NEEDS,
        all_needs: fill(w.all_n, &[("n", &all.to_string())]),
        channels: known.iter().map(|known| Card::of(reader, known, "/")).collect(),
        tiles: tiles(reader, &summary, &known),
        today_note: fill(w.today_since, &[("z", &zone)]),
        hours: chart::per_hour(&by_name, moments),
        lag: chart::lag(&reader.page.lag.slots(moments.now), reader.page.lag.since(), moments),
        feed: feed(reader).await?,
        zone,
        frame,
        w,
    };
    Ok(html(200, &page))
}

/// Worst first: channels that are cut off, refused actions, unknown outcomes, failed syncs.
async fn needs(reader: &Reader<'_>, known: &[Known]) -> Result<Vec<Need>, Problem> {
    let mut needs: Vec<Need> = known
        .iter()
        .filter(|known| known.status() == ConnectionStatus::NeedsReconnect)
        .map(|known| cut_off(reader, known))
        .collect();
    let parked = reader
        .read(|store| {
            let rows = store.failures(None, None, LOOKED_AT)?.items;
            let rows = rows.into_iter().filter(|row| row.next_attempt_at.is_none());
            rows.map(|row| {
                let action = row.action_id.map(|id| store.action(id)).transpose()?.flatten();
                let order = row.order_id.as_ref().map(|key| store.order(key)).transpose()?.flatten();
                Ok((row, action, order.map(|(order, _)| order)))
            })
            .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let is_unknown = |action: &Action| action.state == ActionState::Unknown;
    let of_action = |unknown: bool| {
        parked.iter().filter(move |(row, action, _)| {
            row.what == FailedWhat::Action && action.as_ref().is_some_and(is_unknown) == unknown
        })
    };
    for (row, action, order) in of_action(false).chain(of_action(true)) {
        needs.push(about_action(reader, row, action.as_ref(), order.as_ref()));
    }
    // A failed check of a channel that is cut off is told already.
    let is_cut_off = |row: &FailureRow| {
        row.what == FailedWhat::Poll
            && known.iter().any(|known| {
                known.connection.id == row.channel && known.status() == ConnectionStatus::NeedsReconnect
            })
    };
    let rows: Vec<&FailureRow> = parked.iter().map(|(row, ..)| row).filter(|row| !is_cut_off(row)).collect();
    needs.extend(failed_syncs(reader, &rows));
    Ok(needs)
}

fn cut_off(reader: &Reader<'_>, known: &Known) -> Need {
    let (w, moments) = (reader.w, &reader.moments);
    let name = known.connection.name.clone();
    let since = known.state.as_ref().map(|state| moments.short(state.status_since).text);
    let waiting = channels::waiting(reader, known);
    let may = reader.is_admin();
    let path = if may { "/reconnect" } else { "" };
    let why = if may { w.permission_why } else { w.ask_admin_to_reconnect };
    Need {
        tone: "red",
        icon: "plug",
        title: fill(w.disconnected_since, &[("c", &name), ("t", &since.unwrap_or_default())]),
        order: String::new(),
        href: String::new(),
        detail: format!("{why} {waiting}").trim_end().to_owned(),
        action: if may { w.do_reconnect } else { w.do_open },
        action_href: format!("/channels/{}{path}", known.connection.id),
        about: name,
        primary: may,
    }
}

fn about_action(
    reader: &Reader<'_>,
    row: &FailureRow,
    action: Option<&Action>,
    order: Option<&Order>,
) -> Need {
    let w = reader.w;
    let channel = reader.title_of(&row.channel);
    let unknown = action.is_some_and(|action| action.state == ActionState::Unknown);
    let act = action.map_or(w.action_word, |action| super::actions::noun(action.request.kind(), w));
    let phrase = if unknown { w.act_unknown } else { w.act_refused };
    let href = row.order_id.as_ref().map(order_href).unwrap_or_default();
    let number = order.map_or_else(String::new, |order| super::foreign::line(&order.number));
    let told = failure::tell(reader, &row.error, Context::of(&channel));
    Need {
        tone: if unknown { "amber" } else { "red" },
        icon: if unknown { "info" } else { "warn" },
        title: fill(phrase, &[("a", act), ("c", &channel)]),
        order: number.clone(),
        detail: if unknown { w.look_there_first.to_owned() } else { told.title },
        action: if unknown { w.do_check } else { w.do_correct },
        action_href: href.clone(),
        about: number,
        href,
        primary: false,
    }
}

/// One line per channel and kind.
fn failed_syncs(reader: &Reader<'_>, rows: &[&FailureRow]) -> Vec<Need> {
    let w = reader.w;
    let mut groups: Vec<(&FailureRow, u64)> = Vec::new();
    for row in rows.iter().filter(|row| row.what != FailedWhat::Action) {
        let same = |(first, _): &&mut (&FailureRow, u64)| {
            first.channel == row.channel && first.error.kind == row.error.kind && first.what == row.what
        };
        match groups.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => groups.push((row, 1)),
        }
    }
    let need = |(row, count): (&FailureRow, u64)| {
        let channel = reader.title_of(&row.channel);
        let told = failure::tell(reader, &row.error, Context::of(&channel));
        let forms = (w.orders_not_synced_one, w.orders_not_synced_other);
        Need {
            tone: told.tone,
            icon: "sync",
            title: match row.what {
                FailedWhat::Poll => fill(w.check_failed, &[("c", &channel)]),
                _ => reader.language().count(count, forms),
            },
            order: String::new(),
            href: String::new(),
            detail: format!("{} · {}", reader.channel_name(&row.channel), told.title),
            action: w.see_failures,
            action_href: address(
                "/failures",
                &[("channel", row.channel.as_str()), ("kind", row.error.kind.as_str())],
            ),
            about: channel,
            primary: false,
        }
    };
    groups.into_iter().map(need).collect()
}

fn tiles(reader: &Reader<'_>, summary: &Summary, known: &[Known]) -> Vec<TileCount> {
    let (w, language) = (reader.w, reader.language());
    let today: u64 = known.iter().map(|known| known.counts.today).sum();
    let since = reader.moments.midnight(0).to_rfc3339_secs();
    let status = |status: OrderStatus| summary.status.get(status.as_str()).copied().unwrap_or_default();
    let tile = |number: u64, word, glyph, pairs: &[(&str, &str)]| TileCount {
        number: language.number(number),
        word,
        glyph,
        href: address("/orders", pairs),
    };
    let by_status = |s: OrderStatus, word, glyph| tile(status(s), word, glyph, &[("status", s.as_str())]);
    vec![
        tile(today, w.new_today, "", &[("placed_after", &since)]),
        by_status(OrderStatus::Accepted, w.to_ship, "g-accepted"),
        by_status(OrderStatus::Shipped, w.shipped, "g-shipped"),
        by_status(OrderStatus::Delivered, w.delivered, "g-delivered"),
        by_status(OrderStatus::Cancelled, w.cancelled, "g-cancelled"),
    ]
}

/// The latest changes, newest first.
async fn feed(reader: &Reader<'_>) -> Result<Vec<Line>, Problem> {
    let newest = *reader.api.store.watch_changes().borrow();
    let changes = reader
        .read(move |store| {
            let page = store.changes(
                newest.saturating_sub(CHANGES),
                2 * usize::try_from(CHANGES).unwrap_or(usize::MAX / 2),
            )?;
            let mut found = Vec::new();
            for change in page.items.into_iter().rev().take(usize::try_from(CHANGES).unwrap_or(usize::MAX)) {
                if let Some((order, _)) = store.order(&change.order_id)? {
                    found.push((change, order));
                }
            }
            Ok(found)
        })
        .await?;
    Ok(changes.iter().map(|(change, order)| line(reader, change, order)).collect())
}

fn line(reader: &Reader<'_>, change: &Change, order: &Order) -> Line {
    let w = reader.w;
    let connection = reader.connection(&order.key.channel);
    let paid_only = change.fields.iter().any(|field| field == "payment_status")
        && !change.fields.iter().any(|field| field == "status");
    let badge =
        if paid_only { badge::payment(change.payment_status, w) } else { badge::status(change.status, w) };
    let what = if change.change == "created" { w.new_order.to_owned() } else { changed_fields(change, w) };
    Line {
        at: reader.moments.time(change.at),
        tile: Tile::of(connection.as_deref(), &order.channel_kind),
        href: order_href(&order.key),
        number: super::foreign::line(&order.number),
        badge,
        what,
    }
}

/// What changed beside what the badge says, as far as people have a word for it.
fn changed_fields(change: &Change, w: &'static Words) -> String {
    let mut names: Vec<String> = Vec::new();
    for field in change.fields.iter().filter(|field| !matches!(field.as_str(), "status" | "payment_status")) {
        let name = fields::name(field, w).to_lowercase();
        if fields::is_own(field) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}
