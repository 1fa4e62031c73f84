//! What connectors and the daemon say about orders and channels, in the reader's language.
//!
//! They speak English, and so do the API, the command line and what is stored. The page reads a sentence
//! back into its line of the tables, with what stood in its holes, and says that line in the reader's
//! language. What it has no line for stays English and is marked as such. A test looks through the
//! sources for sentences that have no line.
//!
//! Holes: `{c}` the marketplace's name, `{w}` what it was asked for, `{q}` and `{r}` its own words, which
//! stay as they were and stand in quotes; any other stays as it was.

mod able;
mod failed;
mod noticed;
mod pattern;
mod proved;
mod refused;

use super::foreign;
use super::language::{Language, capitalised};

/// English as it is said, Mexican Spanish, Brazilian Portuguese.
type Line = [&'static str; 3];

static TABLES: [&[Line]; 5] = [able::LINES, failed::LINES, refused::LINES, noticed::LINES, proved::LINES];

/// A text, told to a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub parts: Vec<Part>,
    /// There was a line for each of its sentences: it is fenicia's own, whole.
    pub known: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    /// Empty for what nobody knows the language of; `None` for the reader's own.
    pub lang: Option<&'static str>,
}

impl Said {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The page's own words.
    pub fn own(text: impl Into<String>) -> Self {
        let mut said = Self { parts: Vec::new(), known: true };
        said.push(&text.into(), None);
        said
    }

    /// Both, one after the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if !self.is_empty() && !other.is_empty() {
            self.push(" ", None);
        }
        for part in other.parts {
            self.push(&part.text, part.lang);
        }
        self.known &= other.known;
        self
    }

    /// Fenicia's own words, in English.
    fn english(text: &str, language: Language) -> Self {
        let lang = (language != Language::English).then_some(Language::English.tag());
        let text = foreign::line(text);
        let parts = if text.is_empty() { Vec::new() } else { vec![Part { text, lang }] };
        Self { parts, known: false }
    }

    fn push(&mut self, text: &str, lang: Option<&'static str>) {
        match self.parts.last_mut().filter(|last| last.lang == lang) {
            Some(last) => last.text.push_str(text),
            None if text.is_empty() => {}
            None => self.parts.push(Part { text: text.to_owned(), lang }),
        }
    }

    fn push_line(&mut self, phrase: &str, values: &pattern::Values<'_>, language: Language, title: &str) {
        let mut phrase = phrase;
        while let Some((before, hole, after)) = pattern::split(phrase) {
            self.push(before, None);
            let value = values.iter().find(|(name, _)| *name == hole).map_or("", |(_, value)| value);
            let value = foreign::line(&value.replace("{c}", title));
            match hole {
                'c' => self.push(title, None),
                'w' => self.push(wish(&value, language).unwrap_or(&value), None),
                hole if pattern::is_quote(hole) => {
                    let (open, close) = quotes(language);
                    self.push(open, None);
                    self.push(&value, Some(""));
                    self.push(close, None);
                }
                _ => self.push(&value, None),
            }
            phrase = after;
        }
        self.push(phrase, None);
    }
}

const fn quotes(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Spanish => ("«", "»"),
        Language::English | Language::Portuguese => ("“", "”"),
    }
}

const fn cell(language: Language) -> usize {
    match language {
        Language::English => 0,
        Language::Spanish => 1,
        Language::Portuguese => 2,
    }
}

/// `title`: the marketplace's name.
pub fn tell(language: Language, text: &str, title: &str) -> Said {
    let text = without_request_id(text.trim());
    let (bare, status) = without_status(text);
    let mut whole = if title.is_empty() { bare.to_owned() } else { bare.replace(title, "{c}") };
    if !whole.ends_with('.') && !whole.is_empty() {
        whole.push('.');
    }
    let Some(lines) = pattern::read(&whole, &TABLES) else {
        return Said::english(text, language);
    };
    let mut said = Said { parts: Vec::new(), known: true };
    for (at, (line, values)) in lines.iter().enumerate() {
        if at > 0 {
            said.push(" ", None);
        }
        said.push_line(line[cell(language)], values, language, title);
    }
    if let Some(first) = said.parts.first_mut().filter(|_| lines.first().is_some_and(begins_with_a_word)) {
        first.text = capitalised(&first.text);
    }
    if let (Some(status), Some(last)) = (status, said.parts.last_mut()) {
        let bare = last.text.trim_end_matches('.').len();
        last.text.insert_str(bare, &format!(" ({status})"));
    }
    said
}

fn begins_with_a_word((line, _): &pattern::Read<'_>) -> bool {
    !line[0].starts_with('{')
}

/// The request's id is for the marketplace's support, and stands with what is to be passed on.
fn without_request_id(text: &str) -> &str {
    match text.rsplit_once(" (request id ") {
        Some((before, id)) if id.ends_with(')') => before,
        _ => text,
    }
}

/// A text that ends with the status of the answer, such as `(HTTP 503)`.
fn without_status(text: &str) -> (&str, Option<&str>) {
    let status = text.rsplit_once(" (").and_then(|(before, tail)| Some((before, tail.strip_suffix(')')?)));
    match status.filter(|(_, status)| status.strip_prefix("HTTP ").is_some_and(|code| code.len() == 3)) {
        Some((before, status)) => (before, Some(status)),
        None => (text, None),
    }
}

/// What a marketplace was asked for.
fn wish(english: &str, language: Language) -> Option<&'static str> {
    failed::WISHES.iter().find(|line| line[0] == english).map(|line| line[cell(language)])
}

#[cfg(test)]
mod tests;
