//! The fuzz targets' entries, fed with thousands of mutations of small inputs in seconds: what
//! `just fuzz TARGET` does for hours.
//!
//! `FENICIA_SEED` repeats a run.

#[path = "../fuzz/entry.rs"]
mod entry;

use fenicia::random::Random;

fn random(salt: u64) -> Random {
    let seed = std::env::var("FENICIA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    Random::seeded(seed + salt)
}

fn index(random: &Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).expect("below a length")
}

fn byte(random: &Random) -> u8 {
    u8::try_from(random.below(256)).expect("a byte")
}

/// One seed with a few bytes changed, inserted, doubled or cut off.
fn mutated(random: &Random, seeds: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seeds[index(random, seeds.len())].to_vec();
    for _ in 0..=random.below(4) {
        let at = index(random, bytes.len().max(1));
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), byte(random)),
            2 => {
                let part = bytes[at.min(bytes.len())..].to_vec();
                bytes.extend(part);
            }
            3 => {
                let other = seeds[index(random, seeds.len())];
                bytes.splice(at.min(bytes.len()).., other.iter().copied());
            }
            _ => {
                if let Some(changed) = bytes.get_mut(at) {
                    *changed = byte(random);
                }
            }
        }
    }
    bytes
}

fn feed(times: u64, salt: u64, seeds: &[&[u8]], entry: impl Fn(&[u8])) {
    for seed in seeds {
        entry(seed);
    }
    let random = random(salt);
    for _ in 0..times {
        entry(&mutated(&random, seeds));
    }
}

const CONFIG: &[u8] = b"[store]\npath = \"data\"\n[webhooks]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"[::1]:8481\"\n\
    [sync]\nrequest_timeout = \"30s\"\ninitial_import = \"30d\"\n[channels.tienda]\nkind = \"shopify\"\nenabled = true\n\
    poll = \"*/15 * * * *\"\ntimezone = \"America/Mexico_City\"\nshop = \"a.myshopify.com\"\nclient_id = \"a\"\n\
    client_secret = { env = \"HOME\" }\n[notify.ops]\nkind = \"webhook\"\nurl = \"https://a.example.com/\"\non = [\"sync_failed\"]\n";

#[test]
fn any_config_is_read_or_refused() {
    feed(3_000, 1, &[CONFIG, b"[channels]\na = 1\n", b"x = [[[[[[", b"\xff"], entry::config_text);
}

const ORDER: &[u8] = br##"{"key":"tienda:5","number":"#1","status":"accepted","payment_status":"paid","items":[],"placed_at":"2026-01-01T00:00:00Z","version":{"changed_at":null}}"##;
const JOB: &[u8] =
    br#"{"wanted":2,"done":1,"lane":"webhook","due":"2026-01-01T00:00:00Z","attempts":1,"events":[]}"#;

#[test]
fn any_row_of_the_store_is_read_or_refused() {
    let key = b"tienda\0\x03\x00\x00\x01\x9a\x00\x00\x00\x005123456789\0";
    feed(5_000, 2, &[ORDER, JOB, b"\x01\x00\x00\x00\x00null", key], entry::stored_record);
}

#[test]
fn any_request_is_taken_apart() {
    let seeds: [&[u8]; 4] = [
        b"GET\n/api/v1/orders?status=shipped,pending&placed_after=2026-01-01&limit=50&q=%23104\n",
        b"POST\n/webhooks/tienda/orders%2Fupdated\n{\"id\":5}",
        b"POST\n/api/v1/orders/tienda%3A5/ship\n{\"items\":[{\"line_id\":\"a\",\"quantity\":2}],\"reason\":\"other\",\"tracking_url\":\"https://a.example.com/\"}",
        b"GET\n/api/v1/changes?wait=30s\n{\"orders\":[\"tienda:5\"],\"since\":\"2026-01-01T00:00:00Z\"}",
    ];
    feed(5_000, 3, &seeds, entry::request);
}

#[test]
fn any_delivery_is_admitted_or_refused_and_read() {
    let order = br##"_{"id":5,"name":"#1","currency":"MXN","total_price":"10.00","current_total_price":"10.00","created_at":"2026-01-01T00:00:00-06:00","updated_at":"2026-01-01T00:00:00-06:00","financial_status":"paid","fulfillment_status":null,"line_items":[{"id":7,"sku":"A","title":"T","quantity":2,"current_quantity":2,"price":"5.00"}],"refunds":[],"fulfillments":[],"customer":{"id":9,"email":"a@example.com"},"shipping_address":{"name":"A","address1":"B"}}"##;
    let sale = br#"_{"_id":"a","resource":"/orders/2000001","user_id":468424240,"topic":"orders_v2","application_id":5503910054141466,"attempts":1,"sent":"2026-01-01T00:00:00.000Z","received":"2026-01-01T00:00:00.000Z"}"#;
    let notice = br#"_{"type":1,"tts_notification_id":"7","shop_id":"7495000000000000777","timestamp":1767225600,"data":{"order_id":"576461413038785752","order_status":"AWAITING_SHIPMENT","update_time":1767225600}}"#;
    let erase = br#"_{"shop_id":1,"shop_domain":"fenicia-sandbox.myshopify.com","customer":{"id":1,"email":"a@example.com"},"orders_to_redact":[1,2]}"#;
    feed(2_000, 4, &[order, sale, notice, erase, b"_[[[[", b"_\xff\xfe"], entry::delivery);
}

#[test]
fn any_answer_of_a_marketplace_is_borne() {
    let random = random(5);
    for round in 0..1_500_u32 {
        let mut data = vec![u8::try_from(round % 5).expect("a byte"), byte(&random), byte(&random)];
        data.extend((0..3 * (1 + random.below(4))).map(|_| byte(&random)));
        entry::answer(&data);
    }
}
