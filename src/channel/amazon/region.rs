//! Amazon's three regions, their hosts and their marketplaces.

use crate::channel::KeyFault;

/// Where every region's tokens come from.
pub(super) const TOKEN_HOST: &str = "https://api.amazon.com";

/// One region: an authorisation is good for all marketplaces of one region and for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub name: &'static str,
    pub host: &'static str,
    /// Country and marketplace id.
    pub marketplaces: &'static [(&'static str, &'static str)],
}

pub(super) const REGION_NAMES: &[&str] = &["na", "eu", "fe"];

const REGIONS: [Region; 3] = [
    Region {
        name: "na",
        host: "https://sellingpartnerapi-na.amazon.com",
        marketplaces: &[
            ("US", "ATVPDKIKX0DER"),
            ("CA", "A2EUQ1WTGCTBG2"),
            ("MX", "A1AM78C64UM0Y8"),
            ("BR", "A2Q3Y263D00KWC"),
        ],
    },
    Region {
        name: "eu",
        host: "https://sellingpartnerapi-eu.amazon.com",
        marketplaces: &[
            ("GB", "A1F83G8C2ARO7P"),
            ("DE", "A1PA6795UKMFR9"),
            ("FR", "A13V1IB3VIYZZH"),
            ("ES", "A1RKKUPIHCS9HS"),
            ("IT", "APJ6JRA9NG5V4"),
            ("NL", "A1805IZSGTT6HS"),
            ("SE", "A2NODRKZP88ZB9"),
            ("PL", "A1C3SOZRARQ6R3"),
            ("BE", "AMEN7PMS3EDWL"),
            ("IE", "A28R8C7NBKEWEA"),
            ("TR", "A33AVAJ2PDY3EV"),
            ("IN", "A21TJRUUN4KGV"),
            ("AE", "A2VIGQ35RCS4UG"),
            ("SA", "A17E79C6D8DWNP"),
            ("EG", "ARBP9OOSHTCHU"),
            ("ZA", "AE08WJ6YKNBMC"),
        ],
    },
    Region {
        name: "fe",
        host: "https://sellingpartnerapi-fe.amazon.com",
        marketplaces: &[("JP", "A1VC38T7YXB528"), ("AU", "A39IBJ37TRP1C6"), ("SG", "A19VAU5U5O7RUS")],
    },
];

impl Region {
    pub fn named(name: &str) -> Option<Self> {
        REGIONS.into_iter().find(|region| region.name == name)
    }

    /// The country of one of this region's marketplaces.
    pub fn country(&self, marketplace: &str) -> Option<&'static str> {
        self.marketplaces.iter().find(|(_, id)| *id == marketplace).map(|(country, _)| *country)
    }

    /// Where the seller of one of this region's marketplaces signs in.
    pub fn seller_central(&self, marketplace: &str) -> String {
        let domain = match self.country(marketplace).unwrap_or_default() {
            "GB" | "DE" | "FR" | "ES" | "IT" => return "https://sellercentral-europe.amazon.com".to_owned(),
            "MX" => "com.mx",
            "BR" => "com.br",
            "BE" => "com.be",
            "TR" => "com.tr",
            "AU" => "com.au",
            "ZA" => "co.za",
            "JP" => "co.jp",
            land @ ("CA" | "NL" | "SE" | "PL" | "IE" | "IN" | "AE" | "SA" | "EG" | "SG") => {
                return format!("https://sellercentral.amazon.{}", land.to_ascii_lowercase());
            }
            _ => "com",
        };
        format!("https://sellercentral.amazon.{domain}")
    }

    /// What is wrong with a configured marketplace id.
    pub fn fault(&self, marketplace: &str) -> Option<KeyFault> {
        if self.country(marketplace).is_some() {
            return None;
        }
        let elsewhere =
            REGIONS.iter().find_map(|region| region.country(marketplace).map(|land| (region.name, land)));
        let by_country = self.marketplaces.iter().find(|(land, _)| land.eq_ignore_ascii_case(marketplace));
        Some(match (elsewhere, by_country) {
            (Some((region, land)), _) => KeyFault {
                key: "marketplace_ids",
                what: format!("{marketplace} ({land}) belongs to the region {region}, not to {}", self.name),
                cure: format!(
                    "take it out here and give it a channel of its own with region = \"{region}\": \
                     each region has its own authorisation"
                ),
            },
            (None, Some((land, id))) => KeyFault {
                key: "marketplace_ids",
                what: format!("{marketplace:?} is a country, not a marketplace id"),
                cure: format!("write \"{id}\" for {land}"),
            },
            (None, None) => KeyFault {
                key: "marketplace_ids",
                what: format!("{marketplace:?} is not an Amazon marketplace id"),
                cure: format!("write one or more of: {}", self.choices()),
            },
        })
    }

    /// `US ATVPDKIKX0DER, CA …`
    pub fn choices(&self) -> String {
        let all: Vec<String> = self.marketplaces.iter().map(|(land, id)| format!("{id} ({land})")).collect();
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marketplace_outside_the_region_is_refused_with_a_cure() {
        let na = Region::named("na").expect("region");
        assert_eq!(na.fault("ATVPDKIKX0DER"), None);
        let german = na.fault("A1PA6795UKMFR9").expect("fault");
        assert!(german.what.contains("(DE) belongs to the region eu"), "{}", german.what);
        assert!(german.cure.contains("region = \"eu\""), "{}", german.cure);
        let country = na.fault("mx").expect("fault");
        assert!(country.cure.contains("A1AM78C64UM0Y8"), "{}", country.cure);
        let unknown = na.fault("ATVPDKIKX0DERX").expect("fault");
        assert!(unknown.cure.contains("ATVPDKIKX0DER (US)"), "{}", unknown.cure);
    }

    #[test]
    fn each_country_has_its_seller_central() {
        let of = |region, marketplace| Region::named(region).expect("region").seller_central(marketplace);
        for (region, marketplace, expected) in [
            ("na", "ATVPDKIKX0DER", "https://sellercentral.amazon.com"),
            ("na", "A2EUQ1WTGCTBG2", "https://sellercentral.amazon.ca"),
            ("na", "A1AM78C64UM0Y8", "https://sellercentral.amazon.com.mx"),
            ("eu", "A1PA6795UKMFR9", "https://sellercentral-europe.amazon.com"),
            ("fe", "A1VC38T7YXB528", "https://sellercentral.amazon.co.jp"),
        ] {
            assert_eq!(of(region, marketplace), expected);
        }
    }

    #[test]
    fn every_region_name_has_a_region() {
        assert!(REGION_NAMES.iter().all(|name| Region::named(name).is_some()));
    }
}
