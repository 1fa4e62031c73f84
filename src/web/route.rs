//! The routes of the admin listener: path, method, and the role that they need.

use hyper::Method;
use matchit::Router;
use percent_encoding::percent_decode_str;

use super::problem::{Code, Problem};
use crate::model::Role;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    Orders,
    OrdersSummary,
    OrdersExport,
    Order,
    Timeline,
    SyncOrder,
    Ship,
    Tracking,
    Cancel,
    Action,
    Channels,
    Channel,
    SyncChannel,
    TestChannel,
    ConnectChannel,
    SyncAll,
    Sync,
    StopSync,
    Failures,
    RetryAll,
    Retry,
    Dismiss,
    Notifications,
    ReadNotification,
    Changes,
    Events,
    Keys,
    CreateKey,
    RevokeKey,
    Erase,
    Backup,
    OpenApi,
    Metrics,
    Health,
    Ready,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Role(Role),
    /// Anyone on this machine; a key of any role from elsewhere.
    Loopback,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Entry {
    pub method: Method,
    pub path: &'static str,
    pub route: Route,
    pub need: Need,
}

const fn get(path: &'static str, route: Route) -> Entry {
    row(Method::GET, path, route, Need::Role(Role::Viewer))
}

const fn post(path: &'static str, route: Route) -> Entry {
    row(Method::POST, path, route, Need::Role(Role::Operator))
}

const fn admin(method: Method, path: &'static str, route: Route) -> Entry {
    row(method, path, route, Need::Role(Role::Admin))
}

const fn open(path: &'static str, route: Route) -> Entry {
    row(Method::GET, path, route, Need::Loopback)
}

const fn row(method: Method, path: &'static str, route: Route, need: Need) -> Entry {
    Entry { method, path, route, need }
}

/// Every route, in the order of the documentation.
pub const TABLE: [Entry; 35] = [
    get("/api/v1/orders", Route::Orders),
    get("/api/v1/orders/summary", Route::OrdersSummary),
    get("/api/v1/orders/export", Route::OrdersExport),
    get("/api/v1/orders/{id}", Route::Order),
    get("/api/v1/orders/{id}/timeline", Route::Timeline),
    post("/api/v1/orders/{id}/sync", Route::SyncOrder),
    post("/api/v1/orders/{id}/ship", Route::Ship),
    post("/api/v1/orders/{id}/tracking", Route::Tracking),
    post("/api/v1/orders/{id}/cancel", Route::Cancel),
    get("/api/v1/actions/{id}", Route::Action),
    get("/api/v1/channels", Route::Channels),
    get("/api/v1/channels/{id}", Route::Channel),
    post("/api/v1/channels/{id}/sync", Route::SyncChannel),
    post("/api/v1/channels/{id}/test", Route::TestChannel),
    admin(Method::POST, "/api/v1/channels/{id}/connect", Route::ConnectChannel),
    post("/api/v1/sync", Route::SyncAll),
    get("/api/v1/syncs/{id}", Route::Sync),
    row(Method::DELETE, "/api/v1/syncs/{id}", Route::StopSync, Need::Role(Role::Operator)),
    get("/api/v1/failures", Route::Failures),
    post("/api/v1/failures/retry", Route::RetryAll),
    post("/api/v1/failures/{id}/retry", Route::Retry),
    post("/api/v1/failures/{id}/dismiss", Route::Dismiss),
    get("/api/v1/notifications", Route::Notifications),
    post("/api/v1/notifications/{id}/read", Route::ReadNotification),
    get("/api/v1/changes", Route::Changes),
    get("/api/v1/events", Route::Events),
    admin(Method::GET, "/api/v1/keys", Route::Keys),
    admin(Method::POST, "/api/v1/keys", Route::CreateKey),
    admin(Method::DELETE, "/api/v1/keys/{id}", Route::RevokeKey),
    admin(Method::POST, "/api/v1/erase", Route::Erase),
    admin(Method::POST, "/api/v1/backup", Route::Backup),
    get("/api/v1/openapi.json", Route::OpenApi),
    open("/metrics", Route::Metrics),
    open("/healthz", Route::Health),
    open("/readyz", Route::Ready),
];

/// The table, made for looking up.
pub struct Routes(Router<Vec<Entry>>);

/// A route that was found, with the id in its path, or an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub route: Route,
    pub need: Need,
    pub id: String,
}

impl Routes {
    pub fn new() -> Self {
        let mut by_path: Vec<(&'static str, Vec<Entry>)> = Vec::new();
        for entry in TABLE {
            match by_path.iter_mut().find(|(path, _)| *path == entry.path) {
                Some((_, entries)) => entries.push(entry),
                None => by_path.push((entry.path, vec![entry])),
            }
        }
        let mut router = Router::new();
        for (path, entries) in by_path {
            // A path that clashes with another one is caught by the test of this table.
            let _ = router.insert(path, entries);
        }
        Self(router)
    }

    /// 404 without such a path, 405 without such a method on it. `HEAD` is a `GET` unsent.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found, Problem> {
        let unknown = || {
            Problem::not_found("There is nothing at this address. All addresses are in /api/v1/openapi.json.")
        };
        let matched = self.0.at(path).map_err(|_| unknown())?;
        let entries = matched.value;
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some(entry) = entries.iter().find(|entry| entry.method == wanted) else {
            return Err(Self::not_with(method, entries));
        };
        let raw = matched.params.get("id").unwrap_or_default();
        let id = percent_decode_str(raw).decode_utf8().map_err(|_| unknown())?.into_owned();
        Ok(Found { route: entry.route, need: entry.need, id })
    }

    fn not_with(method: &Method, entries: &[Entry]) -> Problem {
        let allow = entries.iter().map(|entry| entry.method.as_str()).collect::<Vec<_>>().join(", ");
        let detail = format!("This address does not take {method}, but: {allow}.");
        Problem { allow: Some(allow), ..Problem::new(Code::MethodNotAllowed, detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Result<(Route, String), (u16, Option<String>)> {
        let found = Routes::new().find(method, path);
        found.map(|f| (f.route, f.id)).map_err(|problem| (problem.status.as_u16(), problem.allow))
    }

    #[test]
    fn every_row_of_the_table_is_found() {
        for entry in TABLE {
            let path = entry.path.replace("{id}", "x");
            let got = Routes::new().find(&entry.method, &path).expect("a route");
            assert_eq!((got.route, got.need), (entry.route, entry.need), "{path}");
        }
    }

    #[test]
    fn ids_are_decoded() {
        assert_eq!(
            found(&Method::GET, "/api/v1/orders/tienda%3A42"),
            Ok((Route::Order, "tienda:42".to_owned()))
        );
        assert_eq!(
            found(&Method::GET, "/api/v1/orders/tienda:42/timeline"),
            Ok((Route::Timeline, "tienda:42".to_owned()))
        );
        assert_eq!(found(&Method::GET, "/api/v1/orders/%ff"), Err((404, None)));
        assert_eq!(found(&Method::GET, "/api/v1/orders/summary"), Ok((Route::OrdersSummary, String::new())));
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        assert_eq!(found(&Method::DELETE, "/api/v1/orders"), Err((405, Some("GET".to_owned()))));
        assert_eq!(found(&Method::PUT, "/api/v1/keys"), Err((405, Some("GET, POST".to_owned()))));
        assert_eq!(found(&Method::HEAD, "/healthz"), Ok((Route::Health, String::new())));
    }

    #[test]
    fn weird_paths_are_nowhere() {
        for path in [
            "/",
            "",
            "*",
            "/api",
            "/api/v1/orders/",
            "/api/v1/orders//timeline",
            "//api/v1/orders",
            "/a/../healthz",
        ] {
            assert_eq!(found(&Method::GET, path), Err((404, None)), "{path}");
        }
    }

    #[test]
    fn only_reading_is_open_to_viewers() {
        for entry in TABLE {
            let open = matches!(entry.need, Need::Role(Role::Viewer) | Need::Loopback);
            assert!(!open || entry.method == Method::GET, "{}", entry.path);
        }
    }
}
