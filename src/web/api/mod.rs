//! The API's resources, one file each. A handler reads its parameters, asks the store, and answers.

mod actions;
mod backup;
mod changes;
mod channels;
mod columns;
mod connect;
mod erase;
mod error;
mod events;
mod export;
mod failures;
mod keys;
mod notifications;
mod openapi;
mod order;
mod orders;
mod schemas;
mod sync;
mod syncs;
mod timeline;

use std::sync::Arc;

use hyper::body::Bytes;
use serde::Serialize;

use super::auth::Caller;
use super::health;
use super::problem::Problem;
use super::reply::Reply;
use super::route::Route;
use super::state::Api;
use crate::model::OrderKey;
use crate::store::{Asked, Command, CommandAnswer, CommandError};

pub use actions::{Wish, left, request};
pub use channels::{abilities as channel_capabilities, prove, status as connection_status};
pub use columns::names as columns;
pub use connect::{address as consent_address, credentials};
pub use failures::put_back;
pub use keys::revoke as revoke_key;
pub use order::{capabilities, shown};
pub use orders::fill as fill_summary;
pub use sync::{begin as begin_sync, of_order as sync_order};
pub use syncs::{SyncNews, eta, halt as stop_sync};

/// What a handler comes to.
pub type Answer = Result<Reply, Problem>;

/// A request whose route, caller and body are known.
pub struct Call {
    pub caller: Caller,
    /// The id in the path, decoded; empty for a path without one.
    pub id: String,
    /// The raw query string.
    pub query: String,
    pub body: Bytes,
    /// The caller's idempotency key, and the hash of this request.
    pub idempotency: Option<(String, [u8; 32])>,
    /// Where an event stream broke off.
    pub last_event_id: Option<u64>,
}

impl Call {
    pub fn asked(&self) -> Asked {
        Asked { by: self.caller.name.clone(), key: self.idempotency.clone() }
    }

    /// The order in the path.
    pub fn order(&self) -> Result<OrderKey, Problem> {
        self.id.parse().map_err(|_| no_order(&self.id))
    }
}

pub fn no_order(id: &str) -> Problem {
    let id = super::query::shown(id);
    Problem::not_found(format!(
        "There is no order {id} here. Orders are named channel:order. If it exists in the marketplace, sync it."
    ))
}

/// A page of a list.
#[derive(Serialize)]
pub struct List<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// Executes a command once.
async fn command(api: &Api, call: &Call, command: Command) -> Result<CommandAnswer, CommandError> {
    api.store.command(command, call.asked(), api.now()).await
}

/// A command was answered with something that is not its answer.
fn surprised(answer: &CommandAnswer) -> Problem {
    let kind = match answer {
        CommandAnswer::Sync(_) => "sync",
        CommandAnswer::Action(_) => "action",
        CommandAnswer::Retried(_) => "retried",
        CommandAnswer::Key { .. } => "key",
        CommandAnswer::Done => "done",
    };
    tracing::error!(kind, "the store answered a command with something else");
    Problem::internal()
}

/// Answers a route.
pub async fn answer(api: &Arc<Api>, route: Route, call: &Call) -> Answer {
    match route {
        Route::Orders => orders::list(api, call).await,
        Route::OrdersSummary => orders::summary(api, call).await,
        Route::OrdersExport => export::stream(api, call),
        Route::Order => orders::one(api, call).await,
        Route::Timeline => timeline::list(api, call).await,
        Route::SyncOrder => sync::order(api, call).await,
        Route::SyncChannel => sync::channel(api, call).await,
        Route::SyncAll => sync::all(api, call).await,
        Route::Ship => actions::ship(api, call).await,
        Route::Tracking => actions::tracking(api, call).await,
        Route::Cancel => actions::cancel(api, call).await,
        Route::Action => actions::one(api, call).await,
        Route::Channels => channels::list(api, call).await,
        Route::Channel => channels::one(api, call).await,
        Route::TestChannel => channels::test(api, call).await,
        Route::ConnectChannel => connect::begin(api, call).await,
        Route::Sync => syncs::one(api, call).await,
        Route::StopSync => syncs::stop(api, call).await,
        Route::Failures => failures::list(api, call).await,
        Route::RetryAll => failures::retry_all(api, call).await,
        Route::Retry => failures::retry(api, call).await,
        Route::Dismiss => failures::dismiss(api, call).await,
        Route::Notifications => notifications::list(api, call).await,
        Route::ReadNotification => notifications::read(api, call).await,
        Route::Changes => changes::list(api, call).await,
        Route::Events => events::stream(api, call),
        Route::Keys => keys::list(api, call).await,
        Route::CreateKey => keys::create(api, call).await,
        Route::RevokeKey => keys::delete(api, call).await,
        Route::Erase => erase::erase(api, call).await,
        Route::Backup => backup::send(api, call).await,
        Route::OpenApi => openapi::show(call),
        Route::Metrics => Ok(health::metrics(api)),
        Route::Health => Ok(health::alive(api).await),
        Route::Ready => Ok(health::ready(api).await),
    }
}
