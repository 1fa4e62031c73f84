//! Carriers that Shopify knows by exactly these names. Any other text is taken too, but gets no
//! tracking link and no news of the delivery.

const KNOWN: &[&str] = &[
    "4PX",
    "Amazon Logistics UK",
    "Australia Post",
    "Canada Post",
    "China Post",
    "Chronopost",
    "Coordinadora",
    "Correios",
    "Correos",
    "DHL Express",
    "DHL eCommerce",
    "DPD",
    "Evri",
    "FedEx",
    "GLS",
    "Japan Post (EN)",
    "La Poste Colissimo",
    "Lasership",
    "New Zealand Post",
    "NinjaVan",
    "OnTrac",
    "Poste Italiane",
    "PostNL",
    "PostNord SE",
    "Purolator",
    "Royal Mail",
    "Sagawa (EN)",
    "SF Express",
    "Swiss Post",
    "TNT",
    "UPS",
    "USPS",
    "Yamato (EN)",
    "YunExpress",
];

pub(super) fn known() -> Vec<String> {
    KNOWN.iter().map(|name| (*name).to_owned()).collect()
}

/// Shopify's spelling, where it knows the carrier; else the text as it was given.
pub(super) fn spelled(carrier: &str) -> String {
    let carrier = carrier.trim();
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(carrier));
    known.map_or(carrier, |known| known).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_carrier_gets_shopify_s_spelling() {
        assert_eq!(spelled(" fedex "), "FedEx");
        assert_eq!(spelled("DHL EXPRESS"), "DHL Express");
        assert_eq!(spelled("Estafeta"), "Estafeta");
    }
}
