//! The countries: one application lives in one of them.

/// One country of the marketplace.
#[derive(Debug, PartialEq, Eq)]
pub struct Site {
    pub id: &'static str,
    /// Where the seller consents; all other calls of all countries go to one host.
    pub consent_origin: &'static str,
    /// What "the seller's own carrier, integrated" (ME1) is called in numbers here.
    pub me1_service_id: u64,
}

/// In the order of the documentation.
pub const SITES: [Site; 7] = [
    Site { id: "MLA", consent_origin: "https://auth.mercadolibre.com.ar", me1_service_id: 154 },
    Site { id: "MLB", consent_origin: "https://auth.mercadolivre.com.br", me1_service_id: 11 },
    Site { id: "MLM", consent_origin: "https://auth.mercadolibre.com.mx", me1_service_id: 231_876 },
    Site { id: "MLC", consent_origin: "https://auth.mercadolibre.cl", me1_service_id: 282_578 },
    Site { id: "MCO", consent_origin: "https://auth.mercadolibre.com.co", me1_service_id: 282_579 },
    Site { id: "MLU", consent_origin: "https://auth.mercadolibre.com.uy", me1_service_id: 282_604 },
    Site { id: "MPE", consent_origin: "https://auth.mercadolibre.com.pe", me1_service_id: 361_180 },
];

/// The choices of the config key.
pub const SITE_IDS: &[&str] = &["MLA", "MLB", "MLM", "MLC", "MCO", "MLU", "MPE"];

impl Site {
    pub fn find(id: &str) -> Option<&'static Self> {
        SITES.iter().find(|site| site.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_the_config_is_a_country() {
        assert_eq!(SITES.map(|site| site.id), SITE_IDS);
    }
}
