//! Who receives an order, and where. What TikTok Shop masks counts as not said.

use super::document::{AddressDoc, DistrictDoc, OrderDoc, Word};
use crate::model::{AddressSeen, CustomerSeen, Seen};

/// The level of the country's first division.
const FIRST_DIVISION: &str = "L1";
/// Divisions that may stand for the city, the deepest first.
const CITY_LEVELS: [&str; 3] = ["L3", "L2", "L1"];

/// A value with a star in it is hidden; the next best field is no stand-in for it.
fn seen(text: Option<&str>) -> Seen<String> {
    Seen::text(text.filter(|text| !text.contains('*')))
}

fn first<'a>(fields: &[&'a Word]) -> Option<&'a str> {
    fields.iter().find_map(|field| field.filled())
}

pub fn customer(order: &OrderDoc) -> CustomerSeen {
    let address = order.recipient_address.as_ref();
    CustomerSeen {
        name: seen(address.and_then(|address| address.name.filled())),
        email: seen(order.buyer_email.filled()),
        phone: seen(address.and_then(|address| address.phone_number.filled())),
    }
}

pub fn shipping_address(order: &OrderDoc) -> Seen<AddressSeen> {
    order.recipient_address.as_ref().map_or(Seen::Absent, |address| Seen::Value(address_seen(address)))
}

fn address_seen(address: &AddressDoc) -> AddressSeen {
    let districts = address.district_info.list();
    AddressSeen {
        name: seen(address.name.filled()),
        line1: seen(first(&[&address.address_line1, &address.address_detail])),
        line2: seen(address.address_line2.filled()),
        city: seen(address.post_town.filled().or_else(|| city(districts))),
        region: seen(region(districts)),
        postal_code: seen(address.postal_code.filled()),
        country: seen(address.region_code.filled()),
        phone: seen(address.phone_number.filled()),
    }
}

fn named<'a>(districts: &'a [DistrictDoc], names: &[&str]) -> Option<&'a str> {
    let is_one =
        |district: &&DistrictDoc| names.iter().any(|name| district.level_name.eq_ignore_ascii_case(name));
    districts.iter().filter(is_one).find_map(|district| district.name.filled())
}

fn level<'a>(districts: &'a [DistrictDoc], level: &str) -> Option<&'a str> {
    let is_it = |district: &&DistrictDoc| district.level.eq_ignore_ascii_case(level);
    districts.iter().filter(is_it).find_map(|district| district.name.filled())
}

fn city(districts: &[DistrictDoc]) -> Option<&str> {
    named(districts, &["City"]).or_else(|| CITY_LEVELS.iter().find_map(|deep| level(districts, deep)))
}

fn region(districts: &[DistrictDoc]) -> Option<&str> {
    named(districts, &["State", "Province"]).or_else(|| level(districts, FIRST_DIVISION))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(address: &Value) -> AddressSeen {
        let doc: OrderDoc =
            serde_json::from_str(&json!({ "recipient_address": address }).to_string()).expect("order");
        match shipping_address(&doc) {
            Seen::Value(address) => address,
            other => panic!("{other:?}"),
        }
    }

    fn value(text: &str) -> Seen<String> {
        Seen::Value(text.to_owned())
    }

    #[test]
    fn a_masked_value_is_not_said_and_has_no_stand_in() {
        let masked = read(&json!({
            "name": "D*** K***", "phone_number": "(+1)213-***-1234", "address_line1": "1*** Coleman Ave",
            "address_detail": "Unit one", "postal_code": "95***", "region_code": "US",
            "district_info": [{"address_level": "L2", "address_level_name": "City", "address_name": "San Jose"}],
        }));
        for hidden in [&masked.name, &masked.phone, &masked.line1, &masked.postal_code] {
            assert_eq!(*hidden, Seen::Absent);
        }
        assert_eq!(masked.city, value("San Jose"));
        assert_eq!(masked.country, value("US"));
    }

    #[test]
    fn the_city_and_the_region_are_found_by_name_or_by_level() {
        let district = |level: &str, name: &str, text: &str| json!({"address_level": level, "address_level_name": name, "address_name": text});
        let states = [
            district("L0", "Country", "US"),
            district("L1", "State", "CA"),
            district("L2", "County", "Kern"),
            district("L3", "city", "Taft"),
        ];
        #[rustfmt::skip]
        let table = [
            (json!({"district_info": states}), "Taft", "CA"),
            (json!({"district_info": [district("L1", "Province", "Jawa Barat"), district("L2", "Kota", "Bandung"), district("L3", "Kecamatan", "Coblong")]}), "Coblong", "Jawa Barat"),
            (json!({"district_info": [district("L1", "Region", "Bavaria"), district("L2", "Town", "Munich")]}), "Munich", "Bavaria"),
            (json!({"post_town": "Leeds", "district_info": [district("L1", "Nation", "England"), district("L2", "City", "York")]}), "Leeds", "England"),
        ];
        for (address, city, region) in table {
            let seen = read(&address);
            assert_eq!((seen.city, seen.region), (value(city), value(region)), "{address}");
        }
        let none = read(&json!({"district_info": [district("L0", "Country", "US")]}));
        assert_eq!((none.city, none.region), (Seen::Absent, Seen::Absent));
    }

    #[test]
    fn the_detail_stands_in_for_a_first_line_that_is_empty() {
        assert_eq!(read(&json!({"address_line1": " ", "address_detail": "Unit 8"})).line1, value("Unit 8"));
        assert_eq!(
            read(&json!({"address_line1": "Main 1", "address_detail": "Unit 8"})).line1,
            value("Main 1")
        );
    }
}
