//! What this browser prefers, and what runs here.

use askama::Template;

use super::filters::Opt;
use super::frame::{Frame, Here, Told};
use super::language::{Language, fill};
use super::leaf::{Dressed as _, html, see_other};
use super::moment::{Moment, Moments};
use super::reader::{Answer, Reader};
use super::said::{self, Said};
use super::words::Words;
use crate::config::Occasion;
use crate::web::Problem;

/// Preferences are kept for a year, also over a sign-out.
const KEPT_SECS: u32 = 31_536_000;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    w: &'static Words,
    frame: Frame,
    languages: Vec<Opt>,
    zone: String,
    zone_fault: bool,
    store_size: String,
    up_since: Moment,
    targets: Vec<Target>,
}

/// Somebody whom the config wants told.
struct Target {
    name: String,
    kind: &'static str,
    on: String,
    /// Messages that wait to be sent.
    waiting: String,
}

/// `/settings`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let zone = reader.moments.zone_id().to_owned();
    let told = reader.query.filled("saved").map(|_| Told::good(reader.w.saved));
    page(reader, zone, false, told, 200).await
}

async fn page(
    reader: &Reader<'_>,
    zone: String,
    zone_fault: bool,
    told: Option<Told>,
    status: u16,
) -> Answer {
    let w = reader.w;
    let configured = reader.api.handle.targets();
    let names: Vec<String> = configured.keys().cloned().collect();
    let (sizes, waiting) = reader
        .read(move |store| {
            let waiting: Result<Vec<_>, _> = names.iter().map(|name| store.waiting_tellings(name)).collect();
            Ok((store.sizes()?, waiting?))
        })
        .await?;
    let targets = configured.iter().zip(waiting).map(|((name, notify), waiting)| Target {
        name: name.clone(),
        kind: kind_word(notify.target.kind(), w),
        on: notify.on.iter().map(|occasion| occasion_word(*occasion, w)).collect::<Vec<_>>().join(" · "),
        waiting: match waiting {
            0 => String::new(),
            more => reader.language().count(more as u64, (w.messages_wait_one, w.messages_wait_other)),
        },
    });
    let mut frame = Frame::new(reader, Here::Settings, w.settings).await?.telling(told);
    frame.faulty = zone_fault;
    let language = reader.language();
    let page = Settings {
        w,
        frame,
        languages: Language::ALL.map(|one| Opt::new(one.tag(), one.name(), one == language)).into(),
        zone,
        zone_fault,
        store_size: size(sizes.file_bytes, language),
        up_since: reader.moments.long(reader.page.started),
        targets: targets.collect(),
    };
    Ok(html(status, &page))
}

/// `POST /settings`
pub async fn save(reader: &Reader<'_>) -> Answer {
    let form = &reader.form;
    let zone = form.get("tz").to_owned();
    if !zone.is_empty() && !Moments::new(reader.language(), Some(&zone), reader.moments.now).known {
        return page(reader, zone, true, None, 422).await;
    }
    let language = Language::parse(form.get("lang")).unwrap_or(reader.language());
    let keys = if form.get("keys_on") == "on" { "on" } else { "off" };
    let secure = if reader.page.is_secure() { "; Secure" } else { "" };
    let cookie = |name: &str, value: &str| {
        format!("{name}={value}; Path=/; SameSite=Lax; Max-Age={KEPT_SECS}{secure}")
    };
    Ok(see_other("/settings?saved=1")
        .with("set-cookie", cookie("lang", language.tag()))
        .with("set-cookie", cookie("tz", &zone))
        .with("set-cookie", cookie("keys", keys)))
}

/// `POST /settings/notify/{name}/test`
pub async fn test_target(reader: &Reader<'_>, name: &str) -> Answer {
    let w = reader.w;
    let outcome = reader.api.handle.test_target(name).await.ok_or_else(|| Problem::not_found(""))?;
    let (told, status) = match outcome {
        Ok(()) => (Told::good(fill(w.test_sent, &[("n", name)])), 200),
        Err(undelivered) => {
            let why = said::tell(reader.language(), &undelivered.why, "");
            (Told::bad(Said::own(fill(w.test_not_sent, &[("n", name)])).and(why)), 502)
        }
    };
    page(reader, reader.moments.zone_id().to_owned(), false, Some(told), status).await
}

fn kind_word(kind: &str, w: &'static Words) -> &'static str {
    match kind {
        "webhook" => "Webhook",
        "slack" => "Slack",
        _ => w.email,
    }
}

const fn occasion_word(occasion: Occasion, w: &'static Words) -> &'static str {
    match occasion {
        Occasion::SyncFailed => w.n_sync_failed,
        Occasion::ChannelDown => w.n_channel_down,
        Occasion::ChannelRecovered => w.n_channel_recovered,
        Occasion::ActionFailed => w.n_action_failed,
        Occasion::Backlog => w.n_backlog,
    }
}

fn size(bytes: u64, language: Language) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{} MiB", language.amount(&format!("{}.{}", tenths / 10, tenths % 10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_mebibytes() {
        assert_eq!(size(0, Language::English), "0.0 MiB");
        assert_eq!(size(1_572_864, Language::Portuguese), "1,5 MiB");
    }
}
