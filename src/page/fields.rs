//! Fields of an order, by words for people.

use super::words::Words;

/// The field's name. The marketplaces' own fields go by what they are about.
pub fn name(field: &str, w: &'static Words) -> &'static str {
    own(field, w).unwrap_or_else(|| theirs(field.strip_prefix("channel_status.").unwrap_or(field), w))
}

/// Whether it is a field of ours: people follow these, not the marketplaces' own.
pub fn is_own(field: &str) -> bool {
    own(field, &super::words::EN).is_some()
}

fn own(field: &str, w: &'static Words) -> Option<&'static str> {
    Some(match field {
        "created" => w.new_order,
        "status" => w.status,
        "payment_status" => w.payment,
        "shipments" | "shipment" => w.shipments,
        "items" => w.products,
        "number" => w.number,
        "currency" => w.currency,
        "total" => w.total,
        "subtotal" => w.subtotal,
        "shipping" => w.shipping,
        "tax" => w.tax,
        "discount" => w.discount,
        "refunded" => w.refunded_amount,
        "placed_at" => w.placed,
        "fulfilled_by" => w.fulfilled_by,
        "tags" => w.tags,
        "notes" => w.notes,
        "customer" | "customer.name" | "customer.email" | "customer.phone" => w.customer,
        "shipping_address" => w.ship_to,
        _ => return None,
    })
}

/// What one of the marketplaces' own fields is about, however they spell it.
pub fn theirs(field: &str, w: &'static Words) -> &'static str {
    let field = field.to_ascii_lowercase().replace(['_', '.'], "");
    let about = |words: &[&str]| words.iter().any(|word| field.contains(word));
    match () {
        () if about(&["cancel"]) => w.their_cancellation,
        () if about(&["financial", "payment"]) => w.their_payment,
        () if about(&["fulfilledby"]) => w.fulfilled_by,
        () if about(&["detail"]) => w.their_detail,
        () if about(&["ordertype"]) => w.their_kind,
        () if about(&["mode", "type"]) => w.their_way,
        () if about(&["substatus"]) => w.their_shipping_detail,
        () if about(&["fulfil", "ship"]) => w.their_shipping,
        () => w.their_status,
    }
}

/// A column of an export. The file itself names them as the API does.
pub fn column(column: &str, w: &'static Words) -> Option<&'static str> {
    Some(match column {
        "id" => w.identifier,
        "channel" => w.channel,
        "channel_kind" => w.marketplace,
        "channel_order_id" => w.their_identifier,
        "channel_status" => w.their_words,
        "updated_at" => w.changed_there,
        "synced_at" => w.last_sync,
        "sync_state" => w.sync_column,
        "units" => w.units,
        "carriers" => w.carrier,
        "tracking_numbers" => w.tracking_number,
        "customer_name" => w.name,
        "customer_email" => w.email,
        "customer_phone" => w.phone,
        "address_name" => w.recipient,
        "address_line1" => w.street,
        "address_line2" => w.street_two,
        "address_city" => w.city,
        "address_region" => w.region,
        "address_postal_code" => w.postal_code,
        "address_country" => w.country,
        "address_phone" => w.recipient_phone,
        own_field => return own(own_field, w),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::words::{EN, ES, PT};
    use super::*;
    use crate::web::desk;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        for w in [&EN, &ES, &PT] {
            let names: Vec<_> = desk::columns().map(|(name, _)| column(name, w).expect(name)).collect();
            let distinct: BTreeSet<_> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{names:?}");
        }
    }

    #[test]
    fn the_marketplaces_fields_go_by_what_they_are_about() {
        for (field, wanted) in [
            ("displayFulfillmentStatus", EN.their_shipping),
            ("displayFinancialStatus", EN.their_payment),
            ("payments.status", EN.their_payment),
            ("cancellation_initiator", EN.their_cancellation),
            ("order.status_detail", EN.their_detail),
            ("shipment.substatus", EN.their_shipping_detail),
            ("logistic.mode", EN.their_way),
            ("orderType", EN.their_kind),
            ("orderLineStatus", EN.their_status),
            ("somethingNew", EN.their_status),
        ] {
            assert_eq!(name(&format!("channel_status.{field}"), &EN), wanted, "{field}");
        }
        assert_eq!(name("status", &EN), EN.status);
        assert!(is_own("tags") && !is_own("channel_status.status"));
    }
}
