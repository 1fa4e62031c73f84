//! The carriers that an order accepts. They hang on its delivery option and seldom change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::api::{Api, Ask, locked};
use super::document::ProvidersDoc;
use super::facts::Provider;
use super::notice::order_id;
use crate::channel::Call;
use crate::model::{Failure, Timestamp};

const GOOD_FOR: Duration = Duration::from_hours(24);
/// Most delivery options that are remembered; a shop has a handful.
const MOST: usize = 200;

/// What was asked for in the last day, by delivery option.
#[derive(Default)]
pub struct Providers(Mutex<HashMap<String, Known>>);

struct Known {
    until: Timestamp,
    list: Arc<[Provider]>,
}

impl Providers {
    /// Known, or asked for. Empty for an order without a delivery option.
    pub async fn of(&self, api: &Api, call: Call<'_>, option: &str) -> Result<Arc<[Provider]>, Failure> {
        // The id becomes part of an address.
        if order_id(option).is_none() {
            return Ok(Arc::from([]));
        }
        if let Some(list) = self.known(option, api.now()) {
            return Ok(list);
        }
        let path = format!("/logistics/202309/delivery_options/{option}/shipping_providers");
        let answer = api.ask::<ProvidersDoc>(call, Ask::get("shipping_providers", path)).await?;
        let named = answer.doc.shipping_providers.list().iter().filter(|provider| !provider.id.is_empty());
        let list: Arc<[Provider]> =
            named.map(|doc| Provider { id: doc.id.to_string(), name: doc.name.to_string() }).collect();
        let mut all = locked(&self.0);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(option.to_owned(), Known { until: api.now().plus(GOOD_FOR), list: Arc::clone(&list) });
        Ok(list)
    }

    fn known(&self, option: &str, now: Timestamp) -> Option<Arc<[Provider]>> {
        let all = locked(&self.0);
        all.get(option).filter(|known| now < known.until).map(|known| Arc::clone(&known.list))
    }
}
