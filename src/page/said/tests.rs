//! The tables are whole, and hold what the sources say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn text(said: &Said) -> String {
    said.parts.iter().map(|part| part.text.as_str()).collect()
}

fn told(language: Language, text_: &str) -> String {
    text(&tell(language, text_, "Shop"))
}

#[test]
fn what_is_known_sentence_by_sentence_is_told_in_the_readers_language() {
    let cancelled = "The order is cancelled. Nothing is to be sent.";
    assert_eq!(told(Language::Spanish, cancelled), "El pedido está cancelado. No hay nada que enviar.");
    assert!(tell(Language::Spanish, cancelled, "Shop").known);
    assert_eq!(
        told(Language::Portuguese, "Shop sends the customer no message."),
        "Shop não avisa o cliente."
    );
    assert_eq!(
        told(Language::Spanish, "Shop is having trouble (HTTP 503)"),
        "Shop responde con errores (HTTP 503)."
    );
}

#[test]
fn the_marketplaces_own_words_stay_as_they_were_in_quotes() {
    let refused = "Shop refused to list orders: HTTP 400 INVALID: No such day. Try Monday (request id 7)";
    let said = tell(Language::Spanish, refused, "Shop");
    assert_eq!(text(&said), "Shop se negó a listar pedidos: «400 INVALID: No such day. Try Monday».");
    let quoted: Vec<_> = said.parts.iter().filter(|part| part.lang == Some("")).collect();
    assert_eq!(quoted.len(), 1, "{said:?}");
    assert!(said.parts.iter().all(|part| part.lang != Some("en")), "{said:?}");
    assert!(told(Language::English, refused).contains("“400 INVALID: No such day. Try Monday”"));
}

#[test]
fn what_is_not_known_stays_english_as_a_whole() {
    let text_ = "The order is cancelled. Ask the moon.";
    let said = tell(Language::Spanish, text_, "Shop");
    assert_eq!(said.parts, [Part { text: text_.to_owned(), lang: Some("en") }]);
    assert!(!said.known);
    assert_eq!(tell(Language::English, text_, "Shop").parts[0].lang, None);
    assert!(tell(Language::Spanish, "", "Shop").is_empty());
}

fn holes(phrase: &str) -> BTreeSet<char> {
    let mut found = BTreeSet::new();
    let mut phrase = phrase;
    while let Some((_, hole, after)) = pattern::split(phrase) {
        found.insert(hole);
        phrase = after;
    }
    found
}

#[test]
fn every_line_is_whole_and_says_nothing_that_the_english_does_not() {
    for line in TABLES.iter().flat_map(|table| table.iter()) {
        assert!(line.iter().all(|cell| cell.ends_with('.') && cell.len() > 1), "{}", line[0]);
        for cell in &line[1..] {
            assert!(holes(cell).is_subset(&holes(line[0])), "{cell}");
            let names = |hole| holes(line[0]).contains(&hole) == holes(cell).contains(&hole);
            assert!(names('q') && names('r'), "a quote is lost: {cell}");
        }
    }
}

/// Where the sentences come from that the page shows.
const SOURCES: [&str; 7] = [
    "src/channel",
    "src/net/fault.rs",
    "src/notify/mail.rs",
    "src/notify/post.rs",
    "src/web/api/actions.rs",
    "src/model/failure.rs",
    "src/actors/incidents.rs",
];
/// Files of connectors that only speak to the config or to the marketplace.
const SILENT: [&str; 9] =
    ["setup", "config", "settings", "query", "samples", "document", "stand", "region", "contract"];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            sources(&entry.expect("an entry").path(), found);
        }
        return;
    }
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let silent = SILENT.contains(&name) || path.iter().any(|part| part == "tests") || name.ends_with("tests");
    if !silent && path.extension().is_some_and(|end| end == "rs") {
        found.push(path.to_owned());
    }
}

/// The texts in quotes outside of tests, `{holes}` as they are.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    let mut letters = code.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\'' {
            // A character, perhaps a quote.
            let mut ahead = letters.clone();
            let escaped = ahead.next() == Some('\\');
            let close = if escaped { ahead.nth(1) } else { ahead.next() };
            if close == Some('\'') {
                letters.by_ref().take(if escaped { 3 } else { 2 }).for_each(drop);
            }
        }
        if letter != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => match letters.next() {
                    Some('\n') => while letters.next_if(|next| next.is_whitespace()).is_some() {},
                    Some(escaped) => text.push(escaped),
                    None => break,
                },
                letter => text.push(letter),
            }
        }
        found.push(text);
    }
    found
}

/// A sentence for people: several words, the first one a word of it.
fn is_sentence(text: &str) -> bool {
    let words = text.split_whitespace().count();
    words >= 5
        && !text.contains("::")
        && !text.contains("fields bear")
        && !text.starts_with(['[', '/', '$', '<', '*'])
}

/// What is said within another sentence, behind one of these.
const BEHIND: [&str; 7] = [
    "Shop gives no access token: ",
    "Shop gives no access (list orders): ",
    "Login with Shop gave no token: HTTP 400 ",
    "Shop refused to list orders: ",
    "Shop refused the cancellation: ",
    "no secure connection (TLS) to list orders: ",
    "the right list orders is not granted: ",
];
/// Begins of what is not shown on the page, and of what is put together in a way of its own.
const APART: [&str; 16] = [
    "Mercado Libre gives no access",
    "the right {scope} is not granted: {without}",
    ", the token holds until",
    "This app is not approved",
    "can not identify the user",
    "the user has not access to the order",
    "Não foi possível",
    "No fue posible",
    "Inventory and Order Tracking",
    "part of every order is not to be had",
    "this machine's clock differs from the marketplace's",
    "the marketplace used another API version",
    "to mark orders as shipped",
    "The customer asked to cancel {",
    "the shop's cipher could not be asked for",
    "{} units of line {} cannot be shipped",
];

/// As the text would be with something in its holes, and the marketplace by its name. Sentences that
/// come from elsewhere are left out.
fn filled(text: &str, titles: &[&str]) -> String {
    let own = text.replace("{}", "{x}");
    let own = own.trim().trim_start_matches(". ");
    let sentences = own.split(". ").filter_map(|sentence| {
        let rest = match pattern::split(sentence) {
            Some(("", _, rest)) if rest.trim_end_matches('.').is_empty() => return None,
            Some(("", _, rest)) if rest.starts_with(' ') && rest[1..].starts_with(char::is_uppercase) => {
                rest.trim_start()
            }
            _ => sentence,
        };
        Some(rest)
    });
    let text = sentences.collect::<Vec<_>>().join(". ");
    let mut filled = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if filled.ends_with([' ', '(', '"']) || filled.is_empty() {
            filled.push_str("list orders");
        }
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    filled.push_str(rest);
    titles.iter().fold(filled, |text, title| text.replace(title, "Shop"))
}

/// Some line says it, and not as a quote.
fn is_said(text: &str) -> bool {
    let is_known = |text: &str| {
        let said = tell(Language::Spanish, text, "Shop");
        let quoted = said.parts.iter().filter(|part| part.lang.is_some());
        said.known && quoted.clone().all(|part| part.text.len() <= "list orders (list orders)".len())
    };
    let befores = std::iter::once("").chain(BEHIND);
    befores
        .into_iter()
        .any(|before| is_known(&format!("{before}{text}")) || is_known(&format!("{before}{text}: more")))
}

/// The marketplace's name, in the file that tells it.
fn title_in(file: &Path) -> Option<String> {
    let source = fs::read_to_string(file).ok()?;
    let (_, rest) = source.split_once("title: \"")?;
    rest.split_once('"').map(|(title, _)| title.to_owned())
}

#[test]
fn what_the_sources_say_is_in_the_tables() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    SOURCES.iter().for_each(|path| sources(&root.join(path), &mut files));
    let titles: Vec<String> = fs::read_dir(root.join("src/channel"))
        .expect("a folder")
        .flat_map(|entry| {
            ["mod.rs", "setup.rs"].map(|name| entry.as_ref().expect("an entry").path().join(name))
        })
        .filter_map(|file| title_in(&file))
        .collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut missing = Vec::new();
    for file in files {
        for literal in literals(&fs::read_to_string(&file).expect("a source")) {
            let text = filled(&literal, &titles);
            let apart = APART.iter().any(|begin| literal.starts_with(begin));
            if is_sentence(&literal) && !apart && !is_said(&text) {
                missing.push(format!("{}: {literal}", file.strip_prefix(&root).unwrap_or(&file).display()));
            }
        }
    }
    assert!(!titles.is_empty());
    assert!(missing.is_empty(), "{} have no line:\n{}", missing.len(), missing.join("\n"));
}
