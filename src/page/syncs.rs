//! Bulk syncs: asking for one, watching it, stopping it.

use std::time::Duration;

use askama::Template;

use super::actions::Fault;
use super::form::local;
use super::frame::{Frame, Here};
use super::leaf::{html, see_other};
use super::reader::{Answer, Reader};
use super::run::{self, Run};
use super::words::Words;
use crate::model::{ChannelId, SyncId, Timestamp};
use crate::store::SyncRunState;
use crate::web::{Code, Problem, desk};

#[derive(Template)]
#[template(path = "sync-start.html")]
struct Start {
    w: &'static Words,
    frame: Frame,
    id: ChannelId,
    name: String,
    faults: Vec<Fault>,
    choices: Vec<(&'static str, &'static str)>,
    chosen: String,
    date: String,
}

/// `/channels/{id}/sync`
pub async fn ask(reader: &Reader<'_>, id: &str) -> Answer {
    form(reader, id, Vec::new(), 200).await
}

async fn form(reader: &Reader<'_>, id: &str, faults: Vec<Fault>, status: u16) -> Answer {
    let connection = reader.known_channel(id)?;
    let w = reader.w;
    let title = format!("{} · {} · {}", w.sync_orders, connection.name, w.channels);
    let mut frame = Frame::new(reader, Here::Channels, title).await?;
    frame.faulty = !faults.is_empty();
    let page = Start {
        w,
        frame,
        id: connection.id.clone(),
        name: connection.name.clone(),
        faults,
        choices: vec![("7", w.last_7_days), ("30", w.last_30_days), ("date", w.since_a_date)],
        chosen: reader.form.filled("since").unwrap_or("7").to_owned(),
        date: reader.form.get("date").to_owned(),
    };
    Ok(html(status, &page))
}

/// `POST /channels/{id}/sync`. One that is running is shown instead.
pub async fn start(reader: &Reader<'_>, id: &str) -> Answer {
    let Some(since) = since(reader) else {
        return form(reader, id, vec![Fault::ours("date", reader.w.choose_past_date)], 422).await;
    };
    match desk::begin_sync(reader.api, id, since, reader.asked()).await {
        Ok(sync) => {
            if let Ok(channel) = ChannelId::new(id) {
                reader.page.runs.note(&channel, sync);
            }
            Ok(see_other(format!("/channels/{id}")))
        }
        Err(Problem { sync_id: Some(_), .. }) => Ok(see_other(format!("/channels/{id}"))),
        Err(problem) if matches!(problem.code, Code::InvalidRequest | Code::Conflict) => {
            form(reader, id, vec![Fault::theirs("", reader, &problem.detail, "")], problem.status.as_u16())
                .await
        }
        Err(problem) => Err(problem),
    }
}

/// `None` for a date that is none, or lies ahead.
fn since(reader: &Reader<'_>) -> Option<Timestamp> {
    let now = reader.moments.now;
    let days = |days: u64| now.minus(Duration::from_hours(24 * days));
    match reader.form.get("since") {
        "7" | "" => Some(days(7)),
        "30" => Some(days(30)),
        _ => Timestamp::parse(&format!("{}T00:00:00Z", reader.form.get("date"))).filter(|at| *at <= now),
    }
}

#[derive(Template)]
#[template(path = "sync.html")]
struct SyncPage {
    w: &'static Words,
    frame: Frame,
    channel: String,
    channel_id: String,
    run: Run,
    back: String,
}

/// `/syncs/{id}`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    let missing = || Problem::not_found("");
    let sync: SyncId = id.parse().map_err(|_| missing())?;
    let status = reader.read(move |store| store.sync_status(sync)).await?.ok_or_else(missing)?;
    if let Some(order) = &status.order {
        return Ok(see_other(format!("/orders/{order}?sync={sync}")));
    }
    let mut frame = Frame::new(reader, Here::Channels, reader.w.sync_orders).await?;
    frame.refresh = status.state == SyncRunState::Running;
    let page = SyncPage {
        w: reader.w,
        frame,
        channel: reader.channel_name(&status.channel),
        channel_id: status.channel.to_string(),
        run: run::show(reader, &status),
        back: format!("/syncs/{sync}"),
    };
    Ok(html(200, &page))
}

/// `POST /syncs/{id}/stop`
pub async fn stop(reader: &Reader<'_>, id: &str) -> Answer {
    let sync: SyncId = id.parse().map_err(|_| Problem::not_found(""))?;
    desk::stop_sync(reader.api, sync, reader.asked()).await?;
    let back = reader.form.filled("back").unwrap_or("/channels");
    Ok(see_other(local(back)))
}
