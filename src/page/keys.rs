//! API keys: made, shown once, revoked.

use askama::Template;

use super::actions::Fault;
use super::filters::Opt;
use super::foreign;
use super::frame::{Frame, Here, Told, role_word};
use super::leaf::{html, see_other};
use super::moment::Moment;
use super::reader::{Answer, Reader};
use super::said::Said;
use super::words::Words;
use crate::model::Role;
use crate::store::{ApiKey, Command, CommandAnswer};
use crate::web::{Code, Problem, desk};

struct Line {
    id: String,
    name: String,
    role: &'static str,
    created: Moment,
    used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    w: &'static Words,
    frame: Frame,
    /// The secret of a key just made.
    made: Option<String>,
    faults: Vec<Fault>,
    name: String,
    roles: Vec<Opt>,
    keys: Vec<Line>,
}

/// `/settings/keys`
pub async fn show(reader: &Reader<'_>) -> Answer {
    if !reader.is_admin() {
        return Err(Problem { field: Some(Role::Admin.to_string()), ..Problem::new(Code::Forbidden, "") });
    }
    page(reader, None, Vec::new(), None, 200).await
}

async fn page(
    reader: &Reader<'_>,
    made: Option<String>,
    faults: Vec<Fault>,
    told: Option<Told>,
    status: u16,
) -> Answer {
    let w = reader.w;
    let keys = reader.read(crate::store::Store::api_keys).await?;
    let mut frame = Frame::new(reader, Here::Settings, format!("{} · {}", w.api_keys, w.settings)).await?;
    frame.faulty = !faults.is_empty();
    let chosen = Role::parse(reader.form.get("role")).unwrap_or(Role::Viewer);
    let roles = Role::ALL.iter().map(|role| Opt::new(role.as_str(), role_word(*role, w), *role == chosen));
    let page = Keys {
        w,
        frame: frame.telling(told),
        name: if made.is_some() { String::new() } else { reader.form.get("name").to_owned() },
        made,
        faults,
        roles: roles.collect(),
        keys: keys.iter().map(|key| line(reader, key)).collect(),
    };
    Ok(html(status, &page))
}

fn line(reader: &Reader<'_>, key: &ApiKey) -> Line {
    Line {
        id: super::reader::segment(&key.id),
        name: foreign::line(&key.name),
        role: role_word(key.role, reader.w),
        created: reader.moments.short(key.created_at),
        used: key.last_used_at.map(|at| reader.moments.short(at)),
    }
}

/// `POST /settings/keys`. The secret stands on this answer only: it is stored nowhere.
pub async fn create(reader: &Reader<'_>) -> Answer {
    let name: String = reader.form.get("name").chars().take(100).collect();
    let Some(role) = Role::parse(reader.form.get("role")).filter(|_| !name.is_empty()) else {
        return page(reader, None, vec![Fault::ours("name", reader.w.enter_key_name)], None, 422).await;
    };
    let command = Command::CreateKey { name, role };
    match reader.api.store.command(command, reader.asked(), reader.api.now()).await? {
        CommandAnswer::Key { secret, .. } => page(reader, secret, Vec::new(), None, 200).await,
        _ => Err(Problem::internal()),
    }
}

/// `POST /settings/keys/{id}/revoke`
pub async fn revoke(reader: &Reader<'_>, id: &str) -> Answer {
    match desk::revoke_key(reader.api, id, reader.asked()).await {
        Ok(()) => Ok(see_other("/settings/keys")),
        Err(problem) if problem.code == Code::Conflict => {
            page(reader, None, Vec::new(), Some(Told::bad(Said::own(reader.w.last_admin_key))), 409).await
        }
        Err(problem) => Err(problem),
    }
}
