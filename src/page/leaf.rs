//! Answers of the page, with the headers that every one of them carries.

use askama::Template;
use flate2::Compression;

use super::asset::{gzip, takes_gzip};
use super::icons;
use crate::web::Visit;

pub use crate::web::Leaf;

/// Nothing from elsewhere, nothing inline, no markup but through the script's one policy.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                          connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                          require-trusted-types-for 'script'; trusted-types fenicia";

const GUARDS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Shorter answers are not worth compressing.
const GZIP_FROM: usize = 1_400;

/// A whole page.
pub fn html(status: u16, page: &impl Template) -> Leaf {
    match page.render() {
        Ok(text) => text_page(status, &text),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            text_page(500, "Something broke in fenicia. Look into its log, then try again.")
        }
    }
}

fn text_page(status: u16, text: &str) -> Leaf {
    Leaf {
        status,
        headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
        body: icons::with_sprite(text).into(),
    }
}

/// 303: look there now.
pub fn see_other(location: impl Into<String>) -> Leaf {
    Leaf { status: 303, headers: vec![("location", location.into())], body: Vec::new().into() }
}

pub trait Dressed {
    #[must_use]
    fn with(self, name: &'static str, value: impl Into<String>) -> Self;

    /// Guarding headers, and compression where the browser takes it.
    #[must_use]
    fn dressed(self, visit: &Visit) -> Self;
}

impl Dressed for Leaf {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn dressed(mut self, visit: &Visit) -> Self {
        for (name, value) in GUARDS {
            self.headers.push((name, value.to_owned()));
        }
        if !self.headers.iter().any(|(name, _)| *name == "cache-control") {
            self.headers.push(("cache-control", "no-store".to_owned()));
        }
        let plain = !self.headers.iter().any(|(name, _)| *name == "content-encoding");
        if plain && self.body.len() >= GZIP_FROM && takes_gzip(visit) {
            self.body = gzip(&self.body, Compression::fast()).into();
            self.headers.push(("content-encoding", "gzip".to_owned()));
        }
        self
    }
}
