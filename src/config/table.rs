//! One table of the file, key by key: whatever was not asked for is unknown.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reading::Reading;

pub(super) struct Table<'a> {
    /// Dotted; empty for the root.
    name: String,
    entries: Option<&'a DeTable<'a>>,
    at: Range<usize>,
    known: BTreeSet<&'static str>,
    pub(super) reading: &'a Reading<'a>,
}

/// A value and its place.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub value: &'a DeValue<'a>,
    at: (usize, usize),
}

impl Entry<'_> {
    pub(super) fn at(&self) -> Range<usize> {
        self.at.0..self.at.1
    }
}

impl<'a> From<&'a Spanned<DeValue<'a>>> for Entry<'a> {
    fn from(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value: value.get_ref(), at: (value.span().start, value.span().end) }
    }
}

impl<'a> Table<'a> {
    pub(super) fn root(reading: &'a Reading<'a>, root: &'a Spanned<DeTable<'a>>) -> Self {
        Self { name: String::new(), entries: Some(root.get_ref()), at: 0..0, known: BTreeSet::new(), reading }
    }

    /// A table inside; an absent one is empty.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'a> {
        let name = self.full(key);
        let Some(entry) = self.get(key) else {
            return Table {
                name,
                entries: None,
                at: self.at.clone(),
                known: BTreeSet::new(),
                reading: self.reading,
            };
        };
        self.inner(name, entry)
    }

    /// Tables under names that the user chose, such as `[channels.*]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(&'a str, Range<usize>, Table<'a>)> {
        let outer = self.table(key);
        let Some(entries) = outer.entries else { return Vec::new() };
        let mut tables: Vec<_> = entries
            .iter()
            .map(|(id, value)| {
                let name = outer.full(id.get_ref());
                outer.reading.remember(name.clone(), id.span());
                (id.get_ref().as_ref(), id.span(), outer.inner(name, value.into()))
            })
            .collect();
        tables.sort_by_key(|(_, at, _)| at.start);
        tables
    }

    fn inner(&self, name: String, entry: Entry<'a>) -> Table<'a> {
        let entries = if let DeValue::Table(table) = entry.value {
            Some(table)
        } else {
            self.reading.fault(
                &entry.at(),
                format!("`{name}` is {}; it must be a table", kind_of(entry.value)),
                format!("write `[{name}]` on a line of its own and the keys below it"),
            );
            None
        };
        Table { name, entries, at: entry.at(), known: BTreeSet::new(), reading: self.reading }
    }

    /// The value of a key, which counts as known from now on.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.insert(key);
        let entry: Entry<'a> = self.entries?.get(key)?.into();
        self.reading.remember(self.full(key), entry.at());
        Some(entry)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<(&'a str, Range<usize>)> {
        let entry = self.get(key)?;
        let text = self.text_of(key, entry)?;
        Some((text, entry.at()))
    }

    /// A text that names a number in the user's eyes, such as an account id, may go unquoted.
    pub(super) fn text_of(&self, key: &str, entry: Entry<'a>) -> Option<&'a str> {
        let text = match entry.value {
            DeValue::String(text) => text.trim(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            other => {
                self.wrong_type(key, entry, other, "a string", &format!("{key} = \"…\""));
                return None;
            }
        };
        if text.is_empty() {
            self.fault(
                &entry.at(),
                format!("`{}` is empty", self.full(key)),
                "write a value, or leave the key out",
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<(&'a str, Range<usize>)>> {
        let entry = self.get(key)?;
        let DeValue::Array(array) = entry.value else {
            self.wrong_type(key, entry, entry.value, "a list of strings", &format!("{key} = [\"…\", \"…\"]"));
            return None;
        };
        let texts = array.iter().map(Entry::from).filter_map(|e| Some((self.text_of(key, e)?, e.at())));
        Some(texts.collect())
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.get(key)?;
        if let DeValue::Boolean(flag) = entry.value {
            return Some(*flag);
        }
        self.wrong_type(key, entry, entry.value, "true or false", &format!("{key} = true"));
        None
    }

    pub(super) fn count(&mut self, key: &'static str, allowed: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let entry = self.get(key)?;
        let number = match entry.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            other => {
                self.wrong_type(key, entry, other, "a whole number", &format!("{key} = {}", allowed.start()));
                return None;
            }
        };
        if let Some(number) = number.filter(|n| allowed.contains(n)) {
            return Some(number);
        }
        self.fault(
            &entry.at(),
            format!("`{}` is out of range", self.full(key)),
            format!("write a whole number from {} to {}", allowed.start(), allowed.end()),
        );
        None
    }

    /// One of a few words.
    pub(super) fn choice(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let (text, at) = self.text(key)?;
        self.choose(key, text, &at, words)
    }

    pub(super) fn choose(
        &self,
        key: &str,
        text: &str,
        at: &Range<usize>,
        words: &[&'static str],
    ) -> Option<&'static str> {
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        self.fault(at, format!("`{}` cannot be \"{text}\"", self.full(key)), suggest("write", text, words));
        None
    }

    /// The key is required here and absent.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.fault(&self.at, format!("`{}` is missing", self.full(key)), format!("add `{example}`"));
    }

    /// As [`Self::missing`], with an example and an explanation.
    pub(super) fn missing_with(&self, key: &str, cure: &str) {
        self.fault(&self.at, format!("`{}` is missing", self.full(key)), format!("add {cure}"));
    }

    pub(super) fn fault(&self, at: &Range<usize>, what: impl Into<String>, cure: impl Into<String>) {
        self.reading.fault(at, what, cure);
    }

    pub(super) fn wrong_type(
        &self,
        key: &str,
        entry: Entry<'_>,
        is: &DeValue<'_>,
        must: &str,
        example: &str,
    ) {
        let what = format!("`{}` is {}; it must be {must}", self.full(key), kind_of(is));
        self.fault(&entry.at(), what, format!("write `{example}`"));
    }

    pub(super) fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> &Range<usize> {
        &self.at
    }

    pub(super) fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Everything that was asked for is known; the rest is a mistake.
    pub(super) fn finish(self) {
        let known: Vec<&str> = self.known.iter().copied().collect();
        for (key, _) in self.entries.into_iter().flatten() {
            let word = key.get_ref().as_ref();
            if !self.known.contains(word) {
                let what = format!("there is no key `{}`", self.full(word));
                self.fault(&key.span(), what, suggest("write", word, &known));
            }
        }
    }
}

/// "write `poll`; allowed here are …", with the nearest word first when one is near.
pub(super) fn suggest(verb: &str, word: &str, allowed: &[&str]) -> String {
    let all = allowed.join(", ");
    match nearest(word, allowed.iter().copied()) {
        Some(near) => format!("{verb} `{near}`? Allowed here: {all}"),
        None => format!("allowed here: {all}"),
    }
}

/// The most similar word, if any is similar enough to have been meant.
pub(super) fn nearest<'w>(word: &str, allowed: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let likeness = |w: &str| strsim::jaro_winkler(&word.to_lowercase(), &w.to_lowercase());
    allowed
        .map(|w| (likeness(w), w))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, w)| w)
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
