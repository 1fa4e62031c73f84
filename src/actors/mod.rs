//! The supervised tree that does the work. Everyone outside talks to it through [`Handle`].

mod connection;

use std::sync::Arc;

use crate::channel::Finding;
use crate::model::{ChannelId, Failure};

pub use connection::Connection;

/// The only door into the tree. Cheap to clone; never blocks; messages are nudges and may be
/// lost, the rows in the store are the truth.
#[derive(Clone)]
pub struct Handle {}

#[allow(unused_variables, clippy::unused_async, clippy::needless_pass_by_value)]
impl Handle {
    /// The configured channel of this id, disabled ones included.
    pub fn channel(&self, id: &ChannelId) -> Option<Arc<Connection>> {
        unimplemented!()
    }

    /// All configured channels, by id.
    pub fn channels(&self) -> Vec<Arc<Connection>> {
        unimplemented!()
    }

    /// Something of this channel may be due: deliveries, jobs, actions, a bulk sync.
    pub fn nudge(&self, id: &ChannelId) {
        unimplemented!()
    }

    /// Proves the connection with one harmless call, now.
    pub async fn test(&self, id: &ChannelId) -> Result<Vec<Finding>, Failure> {
        unimplemented!()
    }

    /// The daemon takes new work: false while it starts up and shuts down.
    pub fn is_ready(&self) -> bool {
        unimplemented!()
    }

    /// Root, scheduler and the store's writer have answered just now.
    pub async fn is_alive(&self) -> bool {
        unimplemented!()
    }
}
