//! What must be true of a sale, told from the world and not from the interface.

use rust_decimal::Decimal;

use super::super::stand::Truth;
use super::world::{Sale, Stage, World};

pub(super) fn of(world: &World, sale: &Sale) -> Truth {
    let parcel = sale.parcel.and_then(|parcel| world.parcels.get(&parcel));
    let number = parcel.and_then(|parcel| parcel.tracking_number.clone());
    Truth {
        order_id: sale.id.to_string(),
        number: sale.pack.unwrap_or(sale.id).to_string(),
        status: match sale.stage {
            Stage::Unpaid => "pending",
            Stage::Owed => "accepted",
            Stage::Sent => "shipped",
            Stage::Arrived => "delivered",
            Stage::GivenUp => "cancelled",
        },
        payment_status: payment(sale),
        currency: Some(sale.currency.to_string()),
        total: Some(sale.total().to_string()),
        items: 1,
        units: sale.line.quantity,
        shipments: usize::from(number.is_some()),
        tracking_numbers: number.into_iter().collect(),
        placed_at: sale.placed_at,
        changed_at: parcel.map_or(sale.updated_at, |parcel| sale.updated_at.max(parcel.updated_at)),
    }
}

fn payment(sale: &Sale) -> &'static str {
    let (paid, refunded) = (sale.paid(), sale.refunded());
    if paid <= Decimal::ZERO {
        "pending"
    } else if refunded >= paid || sale.payments.iter().any(|payment| payment.to_balance) {
        "refunded"
    } else if refunded > Decimal::ZERO {
        "partially_refunded"
    } else {
        "paid"
    }
}
