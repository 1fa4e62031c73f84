//! Binds both listeners, serves them, and ends them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::admin::Admin;
use super::hooks::Hooks;
use super::listener::{Limits, Listener};
use super::live;
use super::state::Api;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({section}.listen): {source}. Free the address, or choose another one")]
pub struct BindError {
    pub section: &'static str,
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Both listeners, bound but not yet accepting.
pub struct Bound {
    webhooks: Listener,
    admin: Listener,
}

/// The real addresses, also for port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addresses {
    pub webhooks: SocketAddr,
    pub admin: SocketAddr,
}

impl Bound {
    pub async fn bind(webhooks: SocketAddr, admin: SocketAddr) -> Result<Self, BindError> {
        let bind = async |section, address| {
            Listener::bind(address).await.map_err(|source| BindError { section, address, source })
        };
        Ok(Self { webhooks: bind("webhooks", webhooks).await?, admin: bind("admin", admin).await? })
    }

    pub fn addresses(&self) -> Addresses {
        Addresses { webhooks: self.webhooks.address(), admin: self.admin.address() }
    }

    /// Begins to accept.
    pub fn serve(self, api: &Arc<Api>) -> Serving {
        let limits = Limits::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(self.webhooks.serve(Arc::new(Hooks::new(api.clone())), limits, api.stop.subscribe()));
        tasks.spawn(self.admin.serve(Arc::new(Admin::new(api.clone())), limits, api.stop.subscribe()));
        tasks.spawn(live::watch(api.clone()));
        if let Some(pages) = api.pages.clone() {
            let api = api.clone();
            tasks.spawn(async move { pages.watch(&api).await });
        }
        Serving { tasks, api: api.clone() }
    }
}

/// Both listeners at work.
pub struct Serving {
    tasks: JoinSet<()>,
    api: Arc<Api>,
}

impl Serving {
    /// Stops accepting, ends streams, gives open requests [`Limits::drain`], cuts off the rest.
    pub async fn shutdown(mut self) {
        let _ = self.api.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
