//! The countries, and the carriers and words that each knows.

/// A country.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Market {
    pub region: &'static str,
    pub country: &'static str,
    pub currency: &'static str,
    /// Its first division: level name and name.
    pub division: (&'static str, &'static str),
    /// The seller declares units here, and packages elsewhere.
    pub by_units: bool,
    pub delivery_option: &'static str,
    pub carriers: &'static [(&'static str, &'static str)],
    /// Why a seller may cancel, before and after the payment.
    pub reasons: [&'static [&'static str]; 2],
}

const US_CARRIERS: &[(&str, &str)] = &[
    ("7117858858072016686", "USPS"),
    ("7117859084333745966", "UPS"),
    ("7129720299146184490", "FedEx"),
    ("7132708894331651882", "OnTrac"),
];
const GB_CARRIERS: &[(&str, &str)] =
    &[("6671205044418904194", "Royal Mail"), ("6842767797120237573", "Evri"), ("6671205044418904197", "DPD")];
const MX_CARRIERS: &[(&str, &str)] =
    &[("7393000000000000011", "Estafeta"), ("7393000000000000012", "DHL Express")];
const ID_CARRIERS: &[(&str, &str)] = &[("6617675021119438849", "JNE"), ("6617675021119438850", "SiCepat")];

const UNPAID: &[&str] = &[
    "seller_cancel_unpaid_reason_out_of_stock",
    "seller_cancel_unpaid_reason_wrong_price",
    "seller_cancel_unpaid_reason_buyer_hasnt_paid_within_time_allowed",
];
const UNPAID_US: &[&str] = &[
    "seller_cancel_unpaid_reason_out_of_stock",
    "seller_cancel_unpaid_reason_wrong_price",
    "seller_cancel_unpaid_reason_buyer_hasnt_paid_within_time_allowed",
    "seller_cancel_unpaid_reason_buyer_requested_cancellation",
];
const UNPAID_GB: &[&str] = &[
    "seller_cancel_unpaid_reason_out_of_stock_uk",
    "seller_cancel_unpaid_reason_wrong_price_uk",
    "seller_cancel_unpaid_reason_buyer_hasnt_paid_within_time_allowed_uk",
];
const PAID: &[&str] = &[
    "seller_cancel_reason_out_of_stock",
    "seller_cancel_reason_wrong_price",
    "seller_cancel_paid_reason_address_not_deliver",
];
const PAID_US: &[&str] = &[
    "seller_cancel_reason_out_of_stock",
    "seller_cancel_reason_wrong_price",
    "seller_cancel_paid_reason_address_not_deliver",
    "seller_cancel_paid_reason_buyer_requested_cancellation",
];
const PAID_GB: &[&str] = &[
    "seller_cancel_reason_out_of_stock_uk",
    "seller_cancel_reason_wrong_price_uk",
    "seller_cancel_paid_reason_address_not_deliver_uk",
];

pub(super) const US: Market = Market {
    region: "US",
    country: "United States",
    currency: "USD",
    division: ("State", "Oregon"),
    by_units: true,
    delivery_option: "7091146663229654785",
    carriers: US_CARRIERS,
    reasons: [UNPAID_US, PAID_US],
};
pub(super) const GB: Market = Market {
    region: "GB",
    country: "United Kingdom",
    currency: "GBP",
    division: ("Nation", "England"),
    by_units: true,
    delivery_option: "7091146663229654786",
    carriers: GB_CARRIERS,
    reasons: [UNPAID_GB, PAID_GB],
};
pub(super) const MX: Market = Market {
    region: "MX",
    country: "Mexico",
    currency: "MXN",
    division: ("State", "Jalisco"),
    by_units: false,
    delivery_option: "7091146663229654787",
    carriers: MX_CARRIERS,
    reasons: [UNPAID, PAID],
};
pub(super) const ID: Market = Market {
    region: "ID",
    country: "Indonesia",
    currency: "IDR",
    division: ("Province", "Jawa Barat"),
    by_units: false,
    delivery_option: "7091146663229654788",
    carriers: ID_CARRIERS,
    reasons: [UNPAID, PAID],
};

/// The carriers of a delivery option.
pub(super) fn carriers(delivery_option: &str) -> Option<&'static [(&'static str, &'static str)]> {
    [&US, &GB, &MX, &ID]
        .into_iter()
        .find(|own| own.delivery_option == delivery_option)
        .map(|own| own.carriers)
}
