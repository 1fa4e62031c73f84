//! Every word of the page, in three languages, in one table: a missing cell does not compile.
//!
//! Names that begin with `do_` stand on buttons. Values go into `{braces}`.

mod table;

pub use table::{EN, ES, PT, Words};

/// One line per phrase: English, Mexican Spanish, Brazilian Portuguese.
macro_rules! words {
    ($($name:ident: $en:literal, $es:literal, $pt:literal;)+) => {
        pub struct Words { $(pub $name: &'static str),+ }
        pub static EN: Words = Words { $($name: $en),+ };
        pub static ES: Words = Words { $($name: $es),+ };
        pub static PT: Words = Words { $($name: $pt),+ };
        #[cfg(test)]
        pub const TABLE: &[(&str, [&str; 3])] = &[$((stringify!($name), [$en, $es, $pt])),+];
    };
}
use words;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::table::TABLE;

    /// Names of the values that a phrase takes.
    fn holes(phrase: &str) -> BTreeSet<&str> {
        phrase.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_phrase_says_something_and_takes_the_same_values() {
        for (name, phrases) in TABLE {
            for phrase in phrases {
                assert!(!phrase.trim().is_empty(), "{name}");
                assert_eq!(holes(phrase), holes(phrases[0]), "{name}: {phrase}");
            }
        }
    }

    #[test]
    fn buttons_do_not_outgrow_the_english_ones() {
        for (name, [en, es, pt]) in TABLE.iter().filter(|(name, _)| name.starts_with("do_")) {
            let en = en.chars().count();
            // Ten letters more are room enough for the short ones.
            let most = (en * 16 / 10).max(en + 10);
            for phrase in [es, pt] {
                assert!(phrase.chars().count() <= most, "{name}: {phrase}");
            }
        }
    }

    #[test]
    fn months_are_twelve() {
        let (_, phrases) = TABLE.iter().find(|(name, _)| *name == "months").expect("months");
        for months in phrases {
            assert_eq!(months.split(' ').count(), 12, "{months}");
        }
    }
}
