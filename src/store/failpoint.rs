//! Named places at which the crash suite lets the process die, right before and right after each
//! operation's commit. Compiled into debug builds only.
//!
//! `FENICIA_FAILPOINT=before:claim_due:3` aborts at the third group that holds a `claim_due`.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Point {
        when: String,
        operation: String,
        left: AtomicU64,
    }

    static POINT: OnceLock<Option<Point>> = OnceLock::new();

    fn parse() -> Option<Point> {
        let text = std::env::var("FENICIA_FAILPOINT").ok()?;
        let mut parts = text.split(':');
        let (when, operation) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let left = AtomicU64::new(parts.next().and_then(|n| n.parse().ok()).unwrap_or(1));
        Some(Point { when, operation, left })
    }

    pub(super) fn hit(when: &str, operations: &[&'static str]) {
        let Some(point) = POINT.get_or_init(parse) else {
            return;
        };
        let named = point.when == when && operations.contains(&point.operation.as_str());
        if named && point.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

#[cfg(debug_assertions)]
pub(super) fn before_commit(operations: &[&'static str]) {
    armed::hit("before", operations);
}

#[cfg(debug_assertions)]
pub(super) fn after_commit(operations: &[&'static str]) {
    armed::hit("after", operations);
}

#[cfg(not(debug_assertions))]
pub(super) const fn before_commit(_: &[&'static str]) {}

#[cfg(not(debug_assertions))]
pub(super) const fn after_commit(_: &[&'static str]) {}
