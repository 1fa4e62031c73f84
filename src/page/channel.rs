//! One channel: its card, what it can do, where it listens, what failed.

use askama::Template;

use super::ability::{self, Ability};
use super::channels::{Card, look_up};
use super::failures::{self, Group};
use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::moment::Moment;
use super::reader::{Answer, Reader};
use super::said::{self, Said};
use super::words::Words;
use crate::channel::Finding;
use crate::model::RateLimit;
use crate::web::{Problem, desk};

pub struct Found {
    tone: &'static str,
    icon: &'static str,
    what: Said,
    cure: Said,
}

#[derive(Template)]
#[template(path = "channel.html")]
struct ChannelPage {
    w: &'static Words,
    frame: Frame,
    c: Card,
    asking: String,
    findings: Vec<Found>,
    abilities: Vec<Ability>,
    webhook_url: String,
    /// As configured.
    schedule: String,
    rate_limit: String,
    last_webhook: Option<Moment>,
    in_flight: String,
    groups: Vec<Group>,
}

/// `/channels/{id}`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    page(reader, id, Vec::new()).await
}

/// `POST /channels/{id}/test`: proves the connection, and says what was found.
pub async fn test(reader: &Reader<'_>, id: &str) -> Answer {
    let connection = reader.known_channel(id)?;
    let findings = match desk::prove(reader.api, &connection.id).await {
        Ok(findings) => findings,
        Err(failure) => vec![Finding::bad(failure.message.clone(), failure.kind.advice())],
    };
    let say = |text: &str| said::tell(reader.language(), text, connection.kind.title);
    let found = |finding: Finding| Found {
        tone: if finding.ok { "green" } else { "red" },
        icon: if finding.ok { "check" } else { "warn" },
        what: say(&finding.what),
        cure: say(finding.cure.as_deref().unwrap_or_default()),
    };
    page(reader, id, findings.into_iter().map(found).collect()).await
}

async fn page(reader: &Reader<'_>, id: &str, findings: Vec<Found>) -> Answer {
    let known = look_up(reader, vec![reader.known_channel(id)?]).await?;
    let known = known.first().ok_or_else(|| Problem::not_found(""))?;
    let (connection, channel) = (&known.connection, &known.connection.id);
    let (w, language) = (reader.w, reader.language());
    let title = format!("{} · {}", connection.name, w.channels);
    let page = ChannelPage {
        w,
        frame: Frame::new(reader, Here::Channels, title).await?,
        c: Card { alone: true, ..Card::of(reader, known, &format!("/channels/{channel}")) },
        asking: fill(w.asking, &[("c", connection.kind.title)]),
        findings,
        abilities: ability::of(reader, connection),
        webhook_url: connection.webhook_url.clone().unwrap_or_default(),
        schedule: connection.schedule.clone(),
        rate_limit: rate_limit(reader, connection.channel.rate_limit()),
        last_webhook: known.state.as_ref().and_then(|s| s.last_webhook_at).map(|at| reader.moments.short(at)),
        in_flight: language.number(connection.in_flight() as u64),
        groups: failures::groups_of(reader, Some(channel.clone())).await?,
    };
    Ok(html(200, &page))
}

fn rate_limit(reader: &Reader<'_>, limit: RateLimit) -> String {
    let w = reader.w;
    let left =
        limit.remaining.map(|left| reader.language().count(left, (w.calls_left_one, w.calls_left_other)));
    let resets = limit.resets_at.map(|at| fill(w.until, &[("t", &reader.moments.short(at).text)]));
    match (left, resets) {
        (Some(left), Some(resets)) => format!("{left}, {resets}"),
        (Some(left), None) => left,
        (None, Some(resets)) => resets,
        (None, None) => w.not_told.to_owned(),
    }
}
