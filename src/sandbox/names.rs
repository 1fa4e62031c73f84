//! Shoppers and goods that are plainly invented.

use crate::random::Random;

const FIRST: [&str; 24] = [
    "Amber", "Basil", "Cedar", "Clover", "Coral", "Dune", "Ember", "Fern", "Hazel", "Indigo", "Ivory",
    "Juniper", "Linden", "Maple", "Mistral", "Nutmeg", "Olive", "Opal", "Poppy", "Quill", "Reed", "Saffron",
    "Tansy", "Willow",
];
const LAST: [&str; 24] = [
    "Anchor",
    "Bramble",
    "Candle",
    "Driftwood",
    "Easel",
    "Feather",
    "Garland",
    "Hammock",
    "Inkwell",
    "Jigsaw",
    "Kettle",
    "Lantern",
    "Meadow",
    "Notebook",
    "Orchard",
    "Paddle",
    "Quarry",
    "Ribbon",
    "Saddle",
    "Thimble",
    "Umbrella",
    "Violin",
    "Windmill",
    "Yarn",
];
const STREETS: [&str; 10] = [
    "Lighthouse Lane",
    "Windmill Way",
    "Cloud Street",
    "Paper Road",
    "Marble Alley",
    "Button Square",
    "Teapot Hill",
    "Kite Avenue",
    "Pebble Court",
    "Lantern Row",
];
const TOWNS: [&str; 8] = [
    "Sampleton",
    "Mocktown",
    "Testbury",
    "Fictionville",
    "Exampleby",
    "Madeupham",
    "Nowhere Falls",
    "Trialstead",
];
const GOODS: [(&str, &str, u64); 12] = [
    ("MUG", "Enamel mug", 1_290),
    ("TOTE", "Canvas tote bag", 1_850),
    ("PEN", "Brass pen", 3_400),
    ("BOOK", "Dotted notebook", 1_190),
    ("LAMP", "Desk lamp", 5_900),
    ("SOAP", "Olive soap", 690),
    ("SCARF", "Wool scarf", 4_200),
    ("CLOCK", "Wall clock", 7_450),
    ("TRAY", "Oak tray", 3_990),
    ("VASE", "Glass vase", 2_780),
    ("SOCK", "Striped socks", 990),
    ("KITE", "Paper kite", 2_150),
];
const VARIANTS: [&str; 6] = ["Blue", "Green", "Red", "Small", "Medium", "Large"];

/// An invented shopper. The e-mail address is under example.com, which nobody owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shopper {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub phone: String,
    pub line1: String,
    pub city: String,
    pub postal_code: String,
}

impl Shopper {
    pub fn invent(random: &Random) -> Self {
        let (first, last) = (one(random, &FIRST), one(random, &LAST));
        let number = random.below(10_000);
        Self {
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            email: format!(
                "{}.{}.{number}@example.com",
                first.to_ascii_lowercase(),
                last.to_ascii_lowercase()
            ),
            phone: format!("+1202555{:04}", 100 + random.below(100)),
            line1: format!("{} {}", 1 + random.below(999), one(random, &STREETS)),
            city: one(random, &TOWNS).to_owned(),
            postal_code: format!("{:05}", 10_000 + random.below(80_000)),
        }
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// An invented street, for a buyer who corrects the address.
pub fn street(random: &Random) -> String {
    format!("{} {}", 1_000 + random.below(999), one(random, &STREETS))
}

/// An article with a price in hundredths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goods {
    pub sku: String,
    pub title: String,
    pub variant: Option<String>,
    pub price_hundredths: u64,
    pub quantity: u32,
}

impl Goods {
    pub fn invent(random: &Random) -> Self {
        let (sku, title, price) = GOODS[index(random, GOODS.len())];
        let variant = (random.below(2) == 0).then(|| one(random, &VARIANTS));
        Self {
            sku: variant
                .map_or_else(|| sku.to_owned(), |variant| format!("{sku}-{}", variant.to_ascii_uppercase())),
            title: title.to_owned(),
            variant: variant.map(str::to_owned),
            price_hundredths: price,
            quantity: [1, 1, 1, 2, 3][index(random, 5)],
        }
    }
}

/// A tracking number that no carrier gave out.
pub fn tracking(random: &Random) -> String {
    format!("SBX{:010}", random.below(10_000_000_000))
}

fn one<'a>(random: &Random, choices: &[&'a str]) -> &'a str {
    choices[index(random, choices.len())]
}

fn index(random: &Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap_or(0)
}
