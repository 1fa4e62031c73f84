//! Copies that can be put back, and people who are forgotten for good.

use std::path::Path;
use std::process::Command;

use fenicia::sandbox::{Deed, Wish};
use serde_json::{Value, json};

use super::market::{Market, Plan, Shop};
use super::support::{Daemon, Folder};

/// Planted over all the shops that show who ordered. `FENICIA_PERSONS` sets another number.
fn persons() -> usize {
    std::env::var("FENICIA_PERSONS").ok().and_then(|text| text.parse().ok()).unwrap_or(16)
}

/// What must be nowhere, in pieces that no encoding hides.
const TRACES: [&str; 5] =
    ["Zacarias", "zacarias.plantado", "Callejon del Olvido", "plantado family", "55704177"];

fn email(person: usize) -> String {
    format!("zacarias.plantado.{person}@example.net")
}

fn street(person: usize) -> String {
    format!("Callejon del Olvido {person}")
}

fn plant(person: usize) -> Wish {
    Wish {
        paid: Some(true),
        name: Some(format!("Zacarias Plantado {person}")),
        email: Some(email(person)),
        phone: Some(format!("+5255704177{:02}", person % 100)),
        line1: Some(street(person)),
        note: Some("Ask for the plantado family".to_owned()),
        ..Wish::default()
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The files below `folder` in which one of the traces can be read.
fn traces(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    files(folder, &mut all);
    let mut found = Vec::new();
    for path in all {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for trace in TRACES {
            if bytes.windows(trace.len()).any(|window| window == trace.as_bytes()) {
                found.push(format!("{trace} in {}", path.display()));
            }
        }
    }
    found
}

/// Somebody's order.
struct Planted<'a> {
    person: usize,
    shop: &'a Shop,
    order: String,
}

impl Planted<'_> {
    fn id(&self) -> String {
        format!("{}:{}", self.shop.id, self.order)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_who_are_erased_are_nowhere_any_more() {
    let mut market = Market::open(Plan { config: PATIENT, ..Plan::default() }).await;
    market.ready().await;
    let shops: Vec<&Shop> = market.shops.iter().filter(|shop| shop.row.people).collect();
    let mut planted = Vec::new();
    for person in 0..persons() {
        let shop = shops[person % shops.len()];
        planted.push(Planted { person, shop, order: shop.place(&plant(person)) });
    }
    market.agrees().await;
    for own in &planted {
        let shown = market.client().get(&own.shop.path(&own.order)).await;
        assert!(shown.text.contains("Plantado"), "{}: {}", own.id(), shown.text);
    }
    are_erased(&market, &planted).await;
    nobody_comes_back(&market, &planted).await;

    let metrics = market.client().get("/metrics").await.text;
    let exported = market.client().get("/api/v1/orders/export?format=jsonl").await.text;
    let page = market.client().get("/").await.text;
    let told = Value::from(market.client().all("/api/v1/notifications").await).to_string();
    for (place, text) in [("metrics", metrics), ("export", exported), ("page", page), ("notifications", told)]
    {
        let found = TRACES.iter().find(|trace| text.contains(**trace));
        assert_eq!(found, None, "in the {place}");
    }
    let copy = market.folder.path().join("copy.redb");
    run(&market.folder, &["backup"], &copy);
    let folder = market.folder.path().to_owned();
    assert_eq!(traces(&folder), Vec::<String>::new(), "while it runs");
    drop(planted);
    market.stop();
    assert_eq!(traces(&folder), Vec::<String>::new(), "after it stopped");
}

/// Many answers of one listing, and a marketplace that is slow on a busy machine.
const PATIENT: &str = "[sync]\nrequest_timeout = \"30s\"\n";

/// By turns: on the marketplace's wish where it has such a wish, by mail address, and by order.
async fn are_erased(market: &Market, planted: &[Planted<'_>]) {
    for (turn, own) in planted.chunks(market.shops.len()).flat_map(|round| round.iter().enumerate()) {
        let wished = turn % 2 == 0
            && own.shop.stand().notice("customers/data_request", Some(&own.order)).is_ok()
            && own.shop.stand().notice("customers/redact", Some(&own.order)).is_ok();
        if wished {
            continue;
        }
        let by_mail = market.client().post("/api/v1/erase", &json!({ "email": email(own.person) })).await;
        assert!([200, 404].contains(&by_mail.status), "{}: {}", own.id(), by_mail.text);
        // Marketplaces that hide the address: by order.
        let by_order = market.client().post("/api/v1/erase", &json!({ "orders": [own.id()] })).await;
        assert_eq!(
            (by_order.status, &by_order.body["keys_dropped"]),
            (200, &json!(true)),
            "{}: {}",
            own.id(),
            by_order.text
        );
    }
}

/// What the marketplace goes on telling about their orders does not bring anybody back.
async fn nobody_comes_back(market: &Market, planted: &[Planted<'_>]) {
    for own in planted {
        own.shop.kit().webhooks.settled().await;
        let erased = |events: &[Value]| events.iter().any(|event| event["kind"] == "erased");
        let patience = market.client().patience();
        while !erased(&market.timeline(own.shop, &own.order).await) {
            assert!(patience.is_left(), "{} is never erased", own.id());
            market.client().news().await;
        }
        own.shop.happen(&own.order, &Deed::ChangeAddress { line1: Some(street(own.person)) });
        own.shop.ship(std::slice::from_ref(&own.order));
    }
    market.agrees().await;
    for own in planted {
        market.sync(own.shop, &own.order).await;
        let shown = market.client().get(&own.shop.path(&own.order)).await.text;
        let events = Value::from(market.timeline(own.shop, &own.order).await).to_string();
        for trace in TRACES {
            assert!(!shown.contains(trace), "{}: {trace} in {shown}", own.id());
            assert!(!events.contains(trace), "{}: {trace} in {events}", own.id());
        }
        let found = format!("/api/v1/orders?q={}", email(own.person).replace('@', "%40"));
        let found = market.client().all(&found).await;
        assert!(found.is_empty(), "{}: {found:?}", own.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_daemon_brings_every_order_back() {
    let mut market = Market::open(Plan::default()).await;
    market.ready().await;
    for shop in &market.shops {
        shop.ship(&shop.orders(3));
        shop.place(&plant(0));
    }
    market.agrees().await;
    let copy = market.folder.path().join("copy.redb");
    let before = copy_in_a_quiet_moment(&market, &copy).await;
    assert_eq!(traces(market.folder.path()), Vec::<String>::new(), "people are sealed in the copy as well");
    // What comes after the copy was made is not in it.
    for shop in market.shops.iter().filter(|shop| shop.row.webhooks.is_some()) {
        let order = shop.orders(1).remove(0);
        market.client().until(&shop.path(&order), |_| true).await;
    }
    market.stop();

    run(&market.folder, &["restore", "--replace"], &copy);
    let report = fenicia::store::verify(&market.folder.data(), None, false).expect("a store");
    assert_eq!(report.faults, []);
    market.folder.write("");
    let daemon = Daemon::start(&market.folder);
    let mut after = daemon.client.all("/api/v1/orders").await;
    assert_eq!(after.len(), before.len());
    // What can be done is asked of the channels, which this config leaves out.
    let mut before = before;
    for order in before.iter_mut().chain(&mut after) {
        order["capabilities"] = Value::Null;
    }
    assert_eq!(after, before);
    assert!(daemon.stop().success());
}

/// Makes copies until one was made while nothing changed; answers the orders of that moment.
async fn copy_in_a_quiet_moment(market: &Market, copy: &Path) -> Vec<Value> {
    let patience = market.client().patience();
    loop {
        for shop in &market.shops {
            market.idle(shop).await;
        }
        let before = market.client().all("/api/v1/orders").await;
        drop(std::fs::remove_file(copy));
        run(&market.folder, &["backup"], copy);
        if market.client().all("/api/v1/orders").await == before {
            return before;
        }
        assert!(patience.is_left(), "the orders never rest");
    }
}

fn run(folder: &Folder, words: &[&str], file: &Path) {
    let done = Command::new(env!("CARGO_BIN_EXE_fenicia"))
        .args(words)
        .arg(file)
        .arg("--config")
        .arg(folder.config())
        .env("FENICIA_URL", address(folder))
        .output()
        .expect("the binary starts");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

pub fn address(folder: &Folder) -> String {
    let text = std::fs::read_to_string(folder.data().join("addresses.json")).unwrap_or_default();
    let addresses: Value = serde_json::from_str(&text).unwrap_or_default();
    format!("http://{}", addresses["admin"].as_str().unwrap_or_default())
}
