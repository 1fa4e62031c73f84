//! Reading one order: the order, its shipment, the buyer's name and the seller's notes.

use serde::de::DeserializeOwned;

use super::api::{Answered, Api, Ask};
use super::document::{BillingDoc, BillingId, CarrierDoc, Id, OrderDoc, ParcelRefDoc, ShipmentDoc};
use super::map::{Holes, Part, Reading};
use super::names::Names;
use super::refusal::nonsense;
use super::site::Site;
use crate::channel::Call;
use crate::model::{Failure, FailureKind};
use crate::net::Response;

/// `None`: there is no such order.
pub async fn read(
    api: &Api,
    call: Call<'_>,
    (site, names): (&Site, &Names),
    id: u64,
) -> Result<Option<Reading>, Failure> {
    let Some((mut order, mut response)) = order(api, call, id).await? else { return Ok(None) };
    let mut holes = holes(&response);
    // A hole is a back end that failed for a moment: a second look often fills it.
    if (holes.buyer || holes.shipping)
        && let Ok(Some(again)) = self::order(api, call, id).await
    {
        (order, response) = again;
        holes = self::holes(&response);
    }
    let (parcel, billing, notes) = tokio::join!(
        parcel(api, call, &order, holes),
        billing(api, call, (site, names), &order),
        optional(api, call, Ask::one("notes", format!("/orders/{id}/notes"))),
    );
    let (shipment, carrier) = parcel?;
    Ok(Some(Reading {
        order,
        holes,
        shipment,
        carrier,
        billing: billing?,
        notes: notes?,
        read_at: response.begun_at,
    }))
}

/// What `206 Partial Content` leaves out. Without the header, everything that it may name.
fn holes(response: &Response) -> Holes {
    let missing = response.header("x-content-missing").unwrap_or("buyer, shipping").to_lowercase();
    let is_missing =
        |part: &str| response.status == 206 && missing.split(',').any(|word| word.trim() == part);
    Holes { buyer: is_missing("buyer"), shipping: is_missing("shipping") }
}

/// The order alone.
pub async fn order(api: &Api, call: Call<'_>, id: u64) -> Result<Option<(OrderDoc, Response)>, Failure> {
    let Answered { doc, response } =
        match api.get::<OrderDoc>(call, Ask::one("order", format!("/orders/{id}"))).await {
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
            answer => answer?,
        };
    if *doc.id != Some(Id(id)) {
        return Err(nonsense("order", &response));
    }
    // Shown as it is, it would be an order of nothing that waits for ever.
    if doc.status.word().is_empty() || doc.order_items.list().is_empty() {
        return Err(nonsense("order", &response).local());
    }
    Ok(Some((doc, response)))
}

/// The shipment alone.
pub async fn shipment(api: &Api, call: Call<'_>, id: u64) -> Result<ShipmentDoc, Failure> {
    let ask = Ask::shipment("shipment", format!("/shipments/{id}"));
    Ok(api.get(call, ask).await?.doc)
}

async fn parcel(
    api: &Api,
    call: Call<'_>,
    order: &OrderDoc,
    holes: Holes,
) -> Result<(Part<ShipmentDoc>, Part<CarrierDoc>), Failure> {
    let id = match order.shipping.as_ref().and_then(|shipping| *shipping.id) {
        Some(id) => id,
        None if !holes.shipping => return Ok((Part::None, Part::None)),
        None => match forward_shipment(api, call, order).await? {
            Some(id) => id,
            None => return Ok((Part::Unseen, Part::None)),
        },
    };
    let doc = match shipment(api, call, id.0).await {
        // The order is worth more than its parcel: a shipment may lag behind its order.
        Err(failure) if failure.local => return Ok((Part::Unseen, Part::None)),
        answer => answer?,
    };
    let nameless = doc.tracking_method.word().is_empty() && !doc.tracking_number.word().is_empty();
    let carrier = if nameless {
        let ask = Ask::shipment("carrier", format!("/shipments/{}/carrier", id.0));
        optional(api, call, ask).await?
    } else {
        Part::None
    };
    Ok((Part::Seen(doc), carrier))
}

/// Another way to the parcel's id, for an order whose own way is broken just now.
async fn forward_shipment(api: &Api, call: Call<'_>, order: &OrderDoc) -> Result<Option<Id>, Failure> {
    let Some(Id(id)) = *order.id else { return Ok(None) };
    let ask = Ask {
        headers: &[("x-new-domain", "true")],
        ..Ask::one("order_shipments", format!("/orders/{id}/shipments"))
    };
    let parcels = optional::<Vec<ParcelRefDoc>>(api, call, ask).await?.seen().unwrap_or_default();
    Ok(parcels.iter().find(|parcel| parcel.kind.word() == "forward").and_then(|parcel| *parcel.id))
}

/// The buyer's name, where the order does not hold it.
async fn billing(
    api: &Api,
    call: Call<'_>,
    (site, names): (&Site, &Names),
    order: &OrderDoc,
) -> Result<Part<BillingDoc>, Failure> {
    let Some(buyer) = order.buyer.as_ref() else { return Ok(Part::None) };
    let named = !buyer.first_name.word().is_empty() || !buyer.last_name.word().is_empty();
    let billing_id = buyer.billing_info.as_ref().and_then(|billing| billing.id.as_ref());
    let Some(BillingId(id)) = billing_id.filter(|_| !named) else { return Ok(Part::None) };
    if let Some(known) = names.get(id, api.now()) {
        return Ok(Part::Seen(known));
    }
    let path = format!("/orders/billing-info/{}/{id}", site.id);
    let answer = optional(api, call, Ask::one("billing_info", path)).await?;
    if let Part::Seen(doc) = &answer {
        names.put(id, doc, api.now());
    }
    Ok(answer)
}

/// A part that the order can do without. Only what concerns the whole connection fails.
async fn optional<T: DeserializeOwned>(api: &Api, call: Call<'_>, ask: Ask<'_>) -> Result<Part<T>, Failure> {
    match api.get(call, ask).await {
        Ok(answer) => Ok(Part::Seen(answer.doc)),
        Err(failure) if failure.stale_token || failure.kind == FailureKind::RateLimited => Err(failure),
        Err(failure) if failure.kind.is_temporary() => Ok(Part::Unseen),
        Err(_) => Ok(Part::None),
    }
}
