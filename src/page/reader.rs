//! One request of somebody who is signed in: who, in which language, and what is asked for.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::form::Form;
use super::language::Language;
use super::moment::Moments;
use super::session::Session;
use super::site::Page;
use super::words::Words;
use crate::actors::Connection;
use crate::model::{ChannelId, OrderKey, Role};
use crate::store::{Asked, Store, StoreError};
use crate::web::{Api, Problem, Visit, desk};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a page comes to.
pub type Answer = Result<super::leaf::Leaf, Problem>;

pub struct Reader<'a> {
    pub api: &'a Arc<Api>,
    pub page: &'a Page,
    pub visit: &'a Visit,
    pub session: Session,
    pub moments: Moments,
    pub w: &'static Words,
    /// The fields of a form that was sent.
    pub form: Form,
    /// The parameters in the address.
    pub query: Form,
}

impl<'a> Reader<'a> {
    pub fn new(api: &'a Arc<Api>, page: &'a Page, visit: &'a Visit, session: Session) -> Self {
        let language = language(visit);
        Self {
            api,
            page,
            visit,
            session,
            moments: Moments::new(language, visit.cookie("tz"), api.now()),
            w: language.words(),
            form: if visit.is_post() { Form::parse(&visit.body) } else { Form::default() },
            query: Form::parse(visit.query().as_bytes()),
        }
    }

    pub fn language(&self) -> Language {
        self.moments.language
    }

    pub fn can_act(&self) -> bool {
        self.session.caller.role >= Role::Operator
    }

    pub fn is_admin(&self) -> bool {
        self.session.caller.role >= Role::Admin
    }

    /// Who asks for a command, and under which idempotency key: the one of the form.
    pub fn asked(&self) -> Asked {
        let caller = &self.session.caller;
        let key = self.form.filled("key").map(|key| {
            let key: String = key.chars().take(64).collect();
            (format!("{}/page/{key}", caller.id), self.form.hash(self.visit.path()))
        });
        Asked { by: caller.name.clone(), key }
    }

    /// As [`Reader::asked`], for one of several commands of one form.
    pub fn asked_for(&self, part: &str) -> Asked {
        let asked = self.asked();
        Asked { key: asked.key.map(|(key, hash)| (format!("{key}/{part}"), hash)), ..asked }
    }

    /// A read of the store away from the threads that serve connections.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.api.read(read).await
    }

    /// Reads again until it is over, or the patience is: what was read last.
    pub async fn wait<T: Send + 'static>(
        &self,
        patience: Duration,
        read: impl Fn(&Store) -> Result<T, StoreError> + Clone + Send + 'static,
        is_over: impl Fn(&T) -> bool,
    ) -> Result<T, Problem> {
        let begun = tokio::time::Instant::now();
        loop {
            let found = self.read(read.clone()).await?;
            if is_over(&found) || begun.elapsed() >= patience {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The channel of an address; 404 when there is none.
    pub fn known_channel(&self, id: &str) -> Result<Arc<Connection>, Problem> {
        let connection = ChannelId::new(id).ok().and_then(|id| self.connection(&id));
        connection.ok_or_else(|| Problem::not_found(""))
    }

    /// The channel's name, or its id when it is no longer configured.
    pub fn channel_name(&self, id: &ChannelId) -> String {
        self.connection(id).map_or_else(|| id.to_string(), |connection| connection.name.clone())
    }

    /// The marketplace's own name.
    pub fn title_of(&self, id: &ChannelId) -> String {
        self.connection(id).map_or_else(|| id.to_string(), |connection| connection.kind.title.to_owned())
    }

    pub fn connection(&self, id: &ChannelId) -> Option<Arc<Connection>> {
        self.api.handle.channel(id)
    }
}

/// The chosen language, else the browser's.
pub fn language(visit: &Visit) -> Language {
    let chosen = visit.cookie("lang").and_then(Language::parse);
    chosen.unwrap_or_else(|| Language::of_browser(visit.header("accept-language")))
}

/// The order's page.
pub fn order_href(key: &OrderKey) -> String {
    format!("/orders/{key}")
}

/// What must be escaped in a segment of a path.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One segment of a path.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, UNSAFE).to_string()
}

/// What can be done with an order now.
pub fn capabilities(reader: &Reader<'_>, order: &crate::model::Order) -> crate::model::Capabilities {
    let connection = reader.connection(&order.key.channel);
    desk::capabilities(order, connection.as_deref(), reader.api.now())
}
