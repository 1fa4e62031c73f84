//! The filter text of `orders(query:)`.

use serde_json::{Value, json};

use super::order::{Order, Payment};
use crate::model::Timestamp;

/// A filter: every term must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    terms: Vec<Term>,
    /// Filters that do not exist; the real search ignores them, with a warning.
    pub unknown: Vec<(String, String)>,
    /// Dates that were not quoted.
    pub unquoted: Vec<String>,
}

#[derive(Debug)]
enum Term {
    Time { field: TimeField, comparison: Comparison, at: Timestamp },
    Word { field: &'static str, value: String },
}

#[derive(Clone, Copy, Debug)]
enum TimeField {
    Updated,
    Created,
    Processed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    More,
    MoreOrEqual,
    Less,
    LessOrEqual,
}

const WORDS: [&str; 8] =
    ["id", "name", "tag", "status", "financial_status", "fulfillment_status", "test", "email"];

impl Filter {
    /// Reads a filter text; `Err` is the real API's message.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for (field, value, quoted) in terms(text) {
            let time = match field.as_str() {
                "updated_at" => Some(TimeField::Updated),
                "created_at" => Some(TimeField::Created),
                "processed_at" => Some(TimeField::Processed),
                _ => None,
            };
            if let Some(time) = time {
                let (comparison, at) = Comparison::split(&value);
                let at = Timestamp::parse(at)
                    .ok_or_else(|| format!("Invalid timestamp for query filter `{field}`."))?;
                if !quoted {
                    filter.unquoted.push(field);
                }
                filter.terms.push(Term::Time { field: time, comparison, at });
            } else if let Some(word) = WORDS.iter().find(|word| **word == field) {
                filter.terms.push(Term::Word { field: word, value });
            } else if field != "AND" {
                filter.unknown.push((field, value));
            }
        }
        Ok(filter)
    }

    /// The earliest change that can match, to begin the walk there.
    pub(super) fn changed_from(&self) -> Timestamp {
        self.terms
            .iter()
            .filter_map(|term| match term {
                Term::Time {
                    field: TimeField::Updated,
                    comparison: Comparison::More | Comparison::MoreOrEqual | Comparison::Equal,
                    at,
                } => Some(*at),
                _ => None,
            })
            .max()
            .unwrap_or(Timestamp::EPOCH)
    }

    pub(super) fn matches(&self, order: &Order) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Time { field, comparison, at } => {
                let own = match field {
                    TimeField::Updated => order.updated_at,
                    TimeField::Created => order.created_at,
                    TimeField::Processed => order.placed_at,
                };
                comparison.holds(own, *at)
            }
            Term::Word { field, value } => word_matches(field, value, order),
        })
    }

    /// `extensions.search` for the filters that do not exist.
    pub(super) fn warnings(&self, path: &str, text: &str) -> Option<Value> {
        if self.unknown.is_empty() {
            return None;
        }
        let warnings: Vec<Value> = self
            .unknown
            .iter()
            .map(|(field, _)| {
                json!({ "field": field, "message": "Invalid search field for this query.", "code": "invalid_field" })
            })
            .collect();
        let (field, value) = self.unknown.first()?;
        Some(json!([{
            "path": [path], "query": text, "parsed": { "field": field, "match_all": value }, "warnings": warnings,
        }]))
    }
}

impl Comparison {
    fn split(text: &str) -> (Self, &str) {
        for (sign, comparison) in
            [(">=", Self::MoreOrEqual), ("<=", Self::LessOrEqual), (">", Self::More), ("<", Self::Less)]
        {
            if let Some(rest) = text.strip_prefix(sign) {
                return (comparison, rest);
            }
        }
        (Self::Equal, text)
    }

    fn holds(self, own: Timestamp, other: Timestamp) -> bool {
        match self {
            Self::Equal => own.as_secs() == other.as_secs(),
            Self::More => own > other,
            Self::MoreOrEqual => own >= other,
            Self::Less => own < other,
            Self::LessOrEqual => own <= other,
        }
    }
}

fn word_matches(field: &str, value: &str, order: &Order) -> bool {
    let is = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case(value));
    match field {
        "id" => order.id.to_string() == value,
        "name" => order.name().trim_start_matches('#') == value.trim_start_matches('#'),
        "tag" => order.tags.iter().any(|tag| tag.eq_ignore_ascii_case(value)),
        "test" => order.test.to_string() == value,
        "email" => is(order.customer.as_ref().map(|customer| customer.shopper.email.as_str())),
        "financial_status" => is(order.financial_status()),
        "fulfillment_status" => {
            let shown = order.fulfillment_status();
            is(Some(shown)) || (value == "shipped" && shown == "FULFILLED")
        }
        "status" => match value {
            "any" => true,
            "open" => order.cancelled.is_none(),
            "cancelled" => order.cancelled.is_some(),
            "closed" => order.cancelled.is_some() && order.payment != Payment::None,
            _ => false,
        },
        _ => true,
    }
}

/// `field:value` pieces; a value may be quoted, with a comparison before the quotes.
fn terms(text: &str) -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find([':', ' ']).unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        let Some(after) = after.strip_prefix(':') else {
            found.push((field.to_owned(), String::new(), false));
            rest = after.trim_start();
            continue;
        };
        let sign_end = after.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(after.len());
        let (sign, after) = after.split_at(sign_end);
        let (value, quoted, after) = if let Some(quote @ ('\'' | '"')) = after.chars().next() {
            let inner = &after[1..];
            let end = inner.find(quote).unwrap_or(inner.len());
            (&inner[..end], true, inner.get(end + 1..).unwrap_or_default())
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (&after[..end], false, &after[end..])
        };
        found.push((field.to_owned(), format!("{sign}{value}"), quoted));
        rest = after.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_split_at_spaces_outside_of_quotes() {
        let text = "updated_at:>='2026-11-23T02:00:00Z' status:any tag:\"two words\"";
        assert_eq!(
            terms(text),
            [
                ("updated_at".to_owned(), ">=2026-11-23T02:00:00Z".to_owned(), true),
                ("status".to_owned(), "any".to_owned(), false),
                ("tag".to_owned(), "two words".to_owned(), true),
            ]
        );
    }

    #[test]
    fn an_unknown_filter_is_ignored_with_a_warning_and_a_bad_time_refused() {
        let filter = Filter::read("modified_at:>'2026-01-01T00:00:00Z'").unwrap();
        assert_eq!(filter.warnings("orders", "x").unwrap()[0]["warnings"][0]["code"], "invalid_field");
        assert_eq!(
            Filter::read("updated_at:>='soon'").unwrap_err(),
            "Invalid timestamp for query filter `updated_at`."
        );
        assert_eq!(Filter::read("updated_at:>=2026-01-01T00:00:00Z").unwrap().unquoted, ["updated_at"]);
    }
}
