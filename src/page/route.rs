//! The addresses of the page.

use percent_encoding::percent_decode_str;

/// A place, with the ids in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Overview,
    Orders,
    OrderFilters,
    OrderSearch,
    Export,
    ExportFile,
    Order(String),
    Timeline(String),
    SyncOrder(String),
    Ship(String),
    Tracking(String),
    Cancel(String),
    Channels,
    Channel(String),
    SyncChannel(String),
    TestChannel(String),
    Reconnect(String),
    Sync(String),
    StopSync(String),
    Failures,
    RetryFailures,
    Retry(String),
    Dismiss(String),
    Notifications,
    ReadAll,
    Read(String),
    Settings,
    TestTarget(String),
    Keys,
    RevokeKey(String),
    Logout,
}

/// What a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Reading,
    Sending,
    Both,
}

impl Place {
    /// `None` where there is nothing.
    pub fn of(path: &str) -> Option<Self> {
        let decode = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
        let parts: Vec<String> = path.strip_prefix('/')?.split('/').map(decode).collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(match parts[..] {
            [""] => Self::Overview,
            ["orders", ref rest @ ..] => Self::below_orders(rest)?,
            ["channels", ref rest @ ..] => Self::below_channels(rest)?,
            ["syncs", id] => Self::Sync(id.to_owned()),
            ["syncs", id, "stop"] => Self::StopSync(id.to_owned()),
            ["failures"] => Self::Failures,
            ["failures", "retry"] => Self::RetryFailures,
            ["failures", id, "retry"] => Self::Retry(id.to_owned()),
            ["failures", id, "dismiss"] => Self::Dismiss(id.to_owned()),
            ["notifications"] => Self::Notifications,
            ["notifications", "read"] => Self::ReadAll,
            ["notifications", id, "read"] => Self::Read(id.to_owned()),
            ["settings"] => Self::Settings,
            ["settings", "notify", name, "test"] => Self::TestTarget(name.to_owned()),
            ["settings", "keys"] => Self::Keys,
            ["settings", "keys", id, "revoke"] => Self::RevokeKey(id.to_owned()),
            ["logout"] => Self::Logout,
            _ => return None,
        })
    }

    fn below_orders(rest: &[&str]) -> Option<Self> {
        Some(match *rest {
            [] => Self::Orders,
            ["filters"] => Self::OrderFilters,
            ["search"] => Self::OrderSearch,
            ["export"] => Self::Export,
            ["export", "file"] => Self::ExportFile,
            [id] => Self::Order(id.to_owned()),
            [id, "timeline"] => Self::Timeline(id.to_owned()),
            [id, "sync"] => Self::SyncOrder(id.to_owned()),
            [id, "ship"] => Self::Ship(id.to_owned()),
            [id, "tracking"] => Self::Tracking(id.to_owned()),
            [id, "cancel"] => Self::Cancel(id.to_owned()),
            _ => return None,
        })
    }

    fn below_channels(rest: &[&str]) -> Option<Self> {
        Some(match *rest {
            [] => Self::Channels,
            [id] => Self::Channel(id.to_owned()),
            [id, "sync"] => Self::SyncChannel(id.to_owned()),
            [id, "test"] => Self::TestChannel(id.to_owned()),
            [id, "reconnect"] => Self::Reconnect(id.to_owned()),
            _ => return None,
        })
    }

    pub const fn takes(&self) -> Takes {
        match self {
            Self::Ship(_)
            | Self::Tracking(_)
            | Self::Cancel(_)
            | Self::SyncChannel(_)
            | Self::TestChannel(_)
            | Self::Reconnect(_)
            | Self::Settings
            | Self::Keys => Takes::Both,
            Self::OrderSearch
            | Self::SyncOrder(_)
            | Self::StopSync(_)
            | Self::RetryFailures
            | Self::Retry(_)
            | Self::Dismiss(_)
            | Self::ReadAll
            | Self::Read(_)
            | Self::TestTarget(_)
            | Self::RevokeKey(_)
            | Self::Logout => Takes::Sending,
            _ => Takes::Reading,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_places() {
        let id = |text: &str| text.to_owned();
        for (path, wanted) in [
            ("/", Some(Place::Overview)),
            ("/orders", Some(Place::Orders)),
            ("/orders/tienda:42", Some(Place::Order(id("tienda:42")))),
            ("/orders/tienda%3A42/ship", Some(Place::Ship(id("tienda:42")))),
            ("/orders/search", Some(Place::OrderSearch)),
            ("/channels/tienda/reconnect", Some(Place::Reconnect(id("tienda")))),
            ("/failures/retry", Some(Place::RetryFailures)),
            ("/failures/x/retry", Some(Place::Retry(id("x")))),
            ("/settings/keys", Some(Place::Keys)),
            ("/settings/notify/ops/test", Some(Place::TestTarget(id("ops")))),
            ("/orders/", Some(Place::Order(String::new()))),
            ("/nowhere", None),
            ("/orders/a/b/c", None),
            ("/%ff", None),
            ("", None),
        ] {
            assert_eq!(Place::of(path), wanted, "{path}");
        }
    }

    #[test]
    fn nothing_acts_on_a_mere_look() {
        assert_eq!(Place::SyncOrder(String::new()).takes(), Takes::Sending);
        assert_eq!(Place::Ship(String::new()).takes(), Takes::Both);
        assert_eq!(Place::Overview.takes(), Takes::Reading);
    }
}
