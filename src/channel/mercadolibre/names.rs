//! Buyers' names by billing id. They do not change, and each costs a call of the allowance.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::document::BillingDoc;
use crate::model::Timestamp;

/// An order changes several times within the hour after it was placed.
const KEPT: Duration = Duration::from_hours(1);
const MOST: usize = 1_000;

/// In memory only, and not for long: names are personal.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, (Timestamp, BillingDoc)>>);

impl Names {
    pub fn get(&self, billing_id: &str, now: Timestamp) -> Option<BillingDoc> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| now.since(*at) < KEPT);
        known.get(billing_id).map(|(_, doc)| doc.clone())
    }

    pub fn put(&self, billing_id: &str, doc: &BillingDoc, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(billing_id.to_owned(), (now, doc.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_for_an_hour() {
        let names = Names::default();
        let now = Timestamp::from_secs(1_000_000);
        names.put("7", &BillingDoc::default(), now);
        assert!(names.get("7", now.plus(Duration::from_secs(3_599))).is_some());
        assert!(names.get("8", now).is_none());
        assert!(names.get("7", now.plus(KEPT)).is_none());
    }
}
