//! Connecting a channel again: a link to the marketplace, or which keys to change.

use askama::Template;

use super::frame::{Frame, Here};
use super::language::fill;
use super::leaf::html;
use super::reader::{Answer, Reader};
use super::words::Words;
use crate::actors::Connection;
use crate::channel::Consent;
use crate::model::{ChannelId, Role};
use crate::web::{Code, Problem, desk};

#[derive(Template)]
#[template(path = "reconnect.html")]
struct Reconnect {
    w: &'static Words,
    frame: Frame,
    id: ChannelId,
    name: String,
    heading: String,
    /// Where the owner of the account consents, once begun.
    url: Option<String>,
    go: String,
    host: String,
    /// The marketplace has a consent that is given in a browser.
    consents: bool,
    step_one: String,
    /// What takes the place of a consent in the config, and can be wrong there.
    keys: Vec<&'static str>,
}

/// `/channels/{id}/reconnect`
pub async fn show(reader: &Reader<'_>, id: &str) -> Answer {
    if !reader.is_admin() {
        return Err(Problem { field: Some(Role::Admin.to_string()), ..Problem::new(Code::Forbidden, "") });
    }
    page(reader, id, None).await
}

/// `POST /channels/{id}/reconnect`. Answers a link, not a redirect: browsers differ on whether the
/// policy for forms lets one through.
pub async fn begin(reader: &Reader<'_>, id: &str) -> Answer {
    let url = desk::consent_address(reader.api, id)?;
    page(reader, id, Some(url)).await
}

async fn page(reader: &Reader<'_>, id: &str, url: Option<String>) -> Answer {
    let connection = reader.known_channel(id)?;
    let (w, title) = (reader.w, connection.kind.title);
    let heading = fill(w.reconnect_heading, &[("c", &connection.name)]);
    let host = url.as_deref().and_then(|url| url.split('/').nth(2)).unwrap_or_default().to_owned();
    let page = Reconnect {
        w,
        frame: Frame::new(reader, Here::Channels, heading.clone()).await?,
        name: connection.name.clone(),
        heading,
        consents: has_consent(&connection),
        url,
        go: fill(w.go_to, &[("c", title)]),
        host,
        step_one: fill(w.consent_step_one, &[("c", title)]),
        keys: desk::credentials(&connection).map(|key| key.name).collect(),
        id: connection.id.clone(),
    };
    Ok(html(200, &page))
}

fn has_consent(connection: &Connection) -> bool {
    let blank = Consent { redirect: "", state: "", verifier: "" };
    connection.channel.consent(&blank).is_some()
}
