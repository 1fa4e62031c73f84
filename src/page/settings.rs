//! What this browser prefers, and what runs here.

use askama::Template;

use super::filters::Opt;
use super::frame::{Frame, Here, Told};
use super::language::Language;
use super::leaf::{Dressed as _, html, see_other};
use super::moment::{Moment, Moments};
use super::reader::{Answer, Reader};
use super::words::Words;

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
}

/// `/settings`
pub async fn show(reader: &Reader<'_>) -> Answer {
    let zone = reader.moments.zone_id().to_owned();
    page(reader, zone, false, 200).await
}

async fn page(reader: &Reader<'_>, zone: String, zone_fault: bool, status: u16) -> Answer {
    let w = reader.w;
    let sizes = reader.read(crate::store::Store::sizes).await?;
    let told = reader.query.filled("saved").map(|_| Told::good(w.saved));
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
    };
    Ok(html(status, &page))
}

/// `POST /settings`
pub async fn save(reader: &Reader<'_>) -> Answer {
    let form = &reader.form;
    let zone = form.get("tz").to_owned();
    if !zone.is_empty() && !Moments::new(reader.language(), Some(&zone), reader.moments.now).known {
        return page(reader, zone, true, 422).await;
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
