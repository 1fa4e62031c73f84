//! Walking through a list page by page.
//!
//! A page token is good only beside the very parameters of the first call, and the end of the
//! window is what the first page says. Both travel inside the token that the daemon hands back.

use std::time::Duration;

use crate::model::{Failure, Timestamp};

/// Amazon refuses a lower bound younger than two minutes; one more for clocks that differ.
const YOUNGEST: Duration = Duration::from_mins(3);

/// One walk, about to read its next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The lower bound, written once for all pages.
    pub from: String,
    /// Where the watermark may move to; unknown before the first page.
    pub upper: Option<Timestamp>,
    pub token: Option<String>,
}

impl Walk {
    pub fn begin(from: Timestamp, now: Timestamp) -> Self {
        Self { from: from.min(now.minus(YOUNGEST)).to_rfc3339_secs(), upper: None, token: None }
    }

    pub fn resume(text: &str) -> Result<Self, Failure> {
        let mut parts = text.splitn(3, ' ');
        let (Some(from), Some(upper), Some(token)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Failure::new(
                crate::model::FailureKind::InvalidRequest,
                "the stored page of Amazon's list cannot be read; the list begins anew",
            ));
        };
        Ok(Self { from: from.to_owned(), upper: Timestamp::parse(upper), token: Some(token.to_owned()) })
    }

    /// The page after this one, as text for the daemon to keep.
    pub fn next(&self, token: Option<&str>) -> Option<String> {
        let token = token.filter(|token| !token.is_empty())?;
        let upper = self.upper.map_or_else(|| "-".to_owned(), |upper| upper.to_string());
        Some(format!("{} {upper} {token}", self.from))
    }

    pub fn is_first(&self) -> bool {
        self.token.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_repeats_its_first_words_on_every_page() {
        let now = Timestamp::parse("2026-11-25T12:00:00Z").expect("time");
        let mut walk = Walk::begin(now.minus(Duration::from_secs(600)), now);
        assert!(walk.is_first());
        walk.upper = Timestamp::parse("2026-11-25T11:58:00.25Z");
        let text = walk.next(Some("a b+/=")).expect("next");
        let resumed = Walk::resume(&text).expect("walk");
        assert_eq!(resumed, Walk { token: Some("a b+/=".to_owned()), ..walk.clone() });
        assert_eq!(walk.next(Some("")), None);
        assert!(Walk::resume("nonsense").is_err());
    }

    #[test]
    fn the_lower_bound_is_never_too_young() {
        let now = Timestamp::parse("2026-11-25T12:00:00Z").expect("time");
        assert_eq!(Walk::begin(now, now).from, "2026-11-25T11:57:00Z");
    }
}
