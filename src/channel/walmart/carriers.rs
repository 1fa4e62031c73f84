//! Carriers by Walmart's spelling, and how a merchant's text finds them.

/// The list grows; any other carrier goes as free text with a tracking address beside it.
pub(super) const UNITED_STATES: &[&str] = &[
    "UPS",
    "USPS",
    "FedEx",
    "Airborne",
    "OnTrac",
    "DHL Ecommerce - US",
    "DHL",
    "LS",
    "UDS",
    "UPSMI",
    "FDX",
    "PILOT",
    "ESTES",
    "SAIA",
    "FDS Express",
    "Seko Worldwide",
    "HIT Delivery",
    "FEDEXSP",
    "RL Carriers",
    "Metropolitan Warehouse & Delivery",
    "China Post",
    "YunExpress",
    "Yellow Freight Sys",
    "AIT Worldwide Logistics",
    "Chukou1",
    "Sendle",
    "Landmark Global",
    "Sunyou",
    "Yanwen",
    "4PX",
    "GLS",
    "OSM Worldwide",
    "FIRST MILE",
    "AM Trucking",
    "CEVA",
    "India Post",
    "SF Express",
    "CNE",
    "TForce Freight",
    "AxleHire",
    "LSO",
    "Royal Mail",
    "ABF Freight System",
    "WanB",
    "Roadrunner Freight",
    "Meyer Distribution",
    "AAA Cooper",
    "Canada Post",
    "Southeastern Freight Lines",
    "Japan Post",
    "Correos de Mexico",
    "XPO Logistics",
    "JD Logistics",
    "YDH",
    "JCEX",
    "Flyt",
    "Deutsche Post",
    "Better Trucks",
    "Asendia",
    "SFC",
    "UBI",
    "ePost Global",
    "YF Logistics",
    "RXO",
    "Estes Express",
    "Shypmax",
    "WIN.IT America",
    "PITT OHIO",
    "PostNord Sweden",
    "Equick",
    "Whistl",
    "Tusou",
    "Shiprocket",
    "DTDC",
    "PTS",
];

pub(super) const MEXICO: &[&str] =
    &["FedEx", "DHL", "Estafeta", "SFC", "PaqueteExpress", "Tracusa", "UPS", "99min", "17Track"];

/// Names that merchants write for a carrier that Walmart lists under an abbreviation.
const ALIASES: &[(&str, &str)] = &[
    ("LaserShip", "LS"),
    ("United Delivery Service", "UDS"),
    ("UPS Mail Innovations", "UPSMI"),
    ("FedEx SmartPost", "FEDEXSP"),
];

/// The listed spelling of a merchant's text.
pub(super) fn listed(carriers: &'static [&'static str], text: &str) -> Option<&'static str> {
    let text = text.trim();
    let exact = carriers.iter().find(|listed| **listed == text);
    let loose = || carriers.iter().find(|listed| listed.eq_ignore_ascii_case(text));
    exact.or_else(loose).copied().or_else(|| {
        let (_, short) = ALIASES.iter().find(|(long, _)| long.eq_ignore_ascii_case(text))?;
        carriers.iter().find(|listed| *listed == short).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_carrier_is_sent_in_walmart_s_spelling() {
        for (text, spelling) in [
            ("fedex", Some("FedEx")),
            (" UPS ", Some("UPS")),
            ("dhl ecommerce - us", Some("DHL Ecommerce - US")),
            ("lasership", Some("LS")),
            ("estes express", Some("Estes Express")),
            ("Bicycle Bob", None),
            ("", None),
        ] {
            assert_eq!(listed(UNITED_STATES, text), spelling, "{text}");
        }
        assert_eq!(listed(MEXICO, "estafeta"), Some("Estafeta"));
        assert_eq!(listed(MEXICO, "LaserShip"), None);
    }

    #[test]
    fn the_list_is_whole() {
        assert_eq!(UNITED_STATES.len(), 75);
    }
}
