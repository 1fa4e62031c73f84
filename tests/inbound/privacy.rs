//! Whoever is past the retention is nowhere any more; whoever is not stays.

use std::path::Path;
use std::time::Duration;

use fenicia::sandbox::{Deed, Wish};
use fenicia::store::{self, OrderFilter};

use super::world::World;
use super::{each, number, seed};

const A_DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);
const CONFIG: &str = "[sync]\ninitial_import = \"1h\"\nretain_personal_data = \"30d\"\n";

/// What must be nowhere, in pieces that no encoding hides.
fn traces(batch: &str) -> [String; 4] {
    [
        format!("{batch} Plantado"),
        format!("{}.plantado", batch.to_lowercase()),
        format!("Callejon {batch}"),
        format!("the {batch} family"),
    ]
}

/// A person of this batch. Phone numbers end in four digits of their own.
fn plant(batch: &str, phones: u32, person: u64) -> Wish {
    Wish {
        paid: Some(true),
        name: Some(format!("{batch} Plantado {person}")),
        email: Some(format!("{}.plantado.{person}@example.net", batch.to_lowercase())),
        phone: Some(format!("+5255{phones}{person:04}")),
        line1: Some(format!("Callejon {batch} {person}")),
        note: Some(format!("Ask for the {batch} family")),
        ..Wish::default()
    }
}

/// Places them, and brings them to their end.
async fn sell(world: &World, batch: &str, phones: u32, count: u64) -> Vec<String> {
    let orders: Vec<String> = (0..count).map(|person| world.place(&plant(batch, phones, person))).collect();
    all_is_true(world).await;
    for order in &orders {
        world.ship(order);
        // Where no delivery is announced, a shipped order counts as delivered after a week.
        drop(world.stand().happen(order, &Deed::Deliver));
    }
    all_is_true(world).await;
    orders
}

async fn all_is_true(world: &World) {
    world
        .until("all is true", (SECOND * 10, A_DAY), || world.untrue().is_empty() && world.backlog() == 0)
        .await;
}

/// The daemon is away for a while.
async fn pass(world: &mut World, span: Duration) {
    world.kill().await;
    tokio::time::advance(span).await;
    world.start().await;
}

/// By e-mail, phone and name, as a person would search.
fn found(world: &World, batch: &str, phones: u32, person: u64) -> usize {
    let words = [
        format!("{}.plantado.{person}@example.net", batch.to_lowercase()),
        format!("5255{phones}{person:04}"),
        format!("{batch} Plantado {person}"),
    ];
    let count = |q: &String| {
        let filter = OrderFilter { q: Some(q.clone()), ..OrderFilter::default() };
        world.store().list_orders(&filter, None, 10).expect("a list").orders.len()
    };
    words.iter().map(count).sum()
}

/// In the file, what lies beside it, a copy made now, and everything that is told of the orders.
fn seen(world: &World, batch: &str, orders: &[String]) -> Vec<String> {
    let copy = world.data().join("copy.redb");
    world.store().backup(&copy).expect("a copy");
    let mut places = vec![("the data file".to_owned(), world.bytes())];
    for file in std::fs::read_dir(world.data()).expect("a folder").flatten() {
        places.push((file.path().display().to_string(), std::fs::read(file.path()).unwrap_or_default()));
    }
    for order in orders {
        let (key, stored) = (world.key(order), world.order(order).expect("the order stays"));
        let events = world.store().timeline(&key, None, 200).expect("a timeline");
        places.push((format!("{key}"), format!("{stored:?} {events:?}").into_bytes()));
    }
    let told = world.store().notifications(false, None, 200).expect("notifications");
    places.push(("the notifications".to_owned(), format!("{told:?}").into_bytes()));
    let holds = |bytes: &[u8], trace: &str| bytes.windows(trace.len()).any(|own| own == trace.as_bytes());
    let traces = traces(batch);
    let hits = places.iter().flat_map(|(place, bytes)| {
        traces.iter().filter(|trace| holds(bytes, trace)).map(move |trace| format!("{trace} in {place}"))
    });
    hits.collect()
}

/// The numbers of the keys that can open what is sealed.
fn epochs(data: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(data.join("epochs.json")).expect("the keys");
    let numbers = text.split("\"id\":").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    numbers.map(|digits| digits.expect("a number").parse().expect("a number")).collect()
}

#[test]
fn persons_past_their_time_are_nowhere_and_younger_ones_stay() {
    let persons = number("FENICIA_PERSONS", 20);
    each(async |kind| {
        let mut world = World::open(kind, seed(), CONFIG).await;
        world.until("the first poll", (SECOND, A_DAY), || world.state().last_success_at.is_some()).await;
        let old = sell(&world, "Zacarias", 5570, persons).await;
        let known =
            |world: &World| (0..persons).map(|one| found(world, "Zacarias", 5570, one)).sum::<usize>();
        let (shown, first_keys) = (known(&world), epochs(&world.data()));
        eprintln!("{kind}: {persons} persons, found {shown} times by e-mail, phone and name");
        assert_eq!(seen(&world, "Nobody", &old), [] as [String; 0]);

        // Past its time in any case: a week until it counts as delivered, a month, and a day.
        pass(&mut world, A_DAY * 23).await;
        let young = sell(&world, "Yolanda", 5580, persons).await;
        pass(&mut world, A_DAY * 15).await;
        let erased = |order: &String| world.order(order).expect("it stays").0.erased;
        world.until("they are erased", (SECOND, A_DAY), || old.iter().all(erased)).await;
        all_is_true(&world).await;

        assert_eq!(known(&world), 0, "{kind}: {shown} were found before");
        assert_eq!(seen(&world, "Zacarias", &old), [] as [String; 0], "{kind}");
        for order in &old {
            let (order, person) = world.order(order).expect("the order stays");
            assert!(order.erased && person == fenicia::model::Person::default(), "{kind}: {person:?}");
        }
        let mut younger = 0;
        for (order, person) in young.iter().zip(0..) {
            let (order, kept) = world.order(order).expect("stored");
            assert!(!order.erased, "{kind}: {} is not past its time", order.key);
            younger += usize::from(kept != fenicia::model::Person::default());
            if shown > 0 {
                assert!(found(&world, "Yolanda", 5580, person) > 0, "{kind}: {} is not found", order.key);
            }
        }
        assert!(
            younger == young.len() || shown == 0,
            "{kind}: {younger} of {} still have a person",
            young.len()
        );

        // What was freed in the file, and every copy of it, is unreadable a week later.
        pass(&mut world, store::KEYS_LIVE + A_DAY).await;
        let dropped = || epochs(&world.data()).iter().all(|own| !first_keys.contains(own));
        world.until("the keys of then are gone", (SECOND, A_DAY), dropped).await;
        assert_eq!(seen(&world, "Zacarias", &old), [] as [String; 0], "{kind}");
        world.is_sound();
    });
}
