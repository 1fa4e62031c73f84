//! Reads a sentence back into its line of the table and what stood in its holes.

use super::Line;

/// What stood in the holes of a line, by their names.
pub(super) type Values<'t> = Vec<(char, &'t str)>;

/// A line of the table, and what stood in its holes.
pub(super) type Read<'t> = (&'static Line, Values<'t>);

/// Sentence by sentence: each of them is a line of a table, or nothing is known of the text.
pub(super) fn read<'t>(text: &'t str, tables: &[&'static [Line]]) -> Option<Vec<Read<'t>>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    for line in tables.iter().flat_map(|table| table.iter()) {
        let mut values = Vec::new();
        let mut others = None;
        if fits(line[0], text, &mut values, &mut |rest| {
            others = match rest.strip_prefix(' ') {
                Some(rest) => read(rest, tables),
                None => rest.is_empty().then(Vec::new),
            };
            others.is_some()
        }) {
            let mut all = vec![(line, values)];
            all.extend(others.unwrap_or_default());
            return Some(all);
        }
    }
    None
}

/// Whether `text` begins as the phrase says, and `go_on` likes what is left of it. What stands in a
/// hole is never empty, and as short as it can be.
fn fits<'t>(
    phrase: &str,
    text: &'t str,
    values: &mut Values<'t>,
    go_on: &mut dyn FnMut(&'t str) -> bool,
) -> bool {
    let Some((before, hole, after)) = split(phrase) else {
        return strip(text, phrase).is_some_and(go_on);
    };
    let Some(text) = strip(text, before) else { return false };
    if hole == 'c' {
        // The name is taken out of the text before.
        return text.strip_prefix("{c}").is_some_and(|rest| fits(after, rest, values, go_on));
    }
    let next = split(after).map_or(after, |(literal, ..)| literal);
    let next = if next.is_empty() { "{c}" } else { next };
    let mut from = text.chars().next().map_or(0, char::len_utf8);
    while let Some(found) = text.get(from..).and_then(|tail| tail.find(next)) {
        let at = from + found;
        if !is_quote(hole) && text[..at].contains(". ") {
            return false;
        }
        values.push((hole, &text[..at]));
        if fits(after, &text[at..], values, go_on) {
            return true;
        }
        values.pop();
        from = at + next.chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// The marketplace's own words may be several sentences.
pub(super) const fn is_quote(hole: char) -> bool {
    matches!(hole, 'q' | 'r')
}

/// The first letter of a sentence may be large or small.
fn strip<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix(literal) {
        return Some(rest);
    }
    let (first, rest) = literal.split_at_checked(1)?;
    let (given, text) = text.split_at_checked(1)?;
    if given.eq_ignore_ascii_case(first) { text.strip_prefix(rest) } else { None }
}

/// What stands before the first hole, its name, and what stands after it.
pub(super) fn split(phrase: &str) -> Option<(&str, char, &str)> {
    let (before, rest) = phrase.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name.chars().next()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: &[Line] = &[
        ["{c} refused to {w}: {q}.", "", ""],
        ["Reconnect it: {x}.", "", ""],
        ["{x} did not answer within {n}.", "", ""],
    ];

    fn values(text: &str) -> Option<Vec<Vec<(char, &str)>>> {
        read(text, &[TABLE]).map(|lines| lines.into_iter().map(|(_, values)| values).collect())
    }

    #[test]
    fn a_text_is_read_sentence_by_sentence() {
        let read = values("{c} refused to list orders: HTTP 400. Sorry. Reconnect it: fenicia connect a.");
        let first = vec![('w', "list orders"), ('q', "HTTP 400. Sorry")];
        assert_eq!(read, Some(vec![first, vec![('x', "fenicia connect a")]]));
        assert_eq!(
            values("10.0.0.1:80 did not answer within 30s."),
            Some(vec![vec![('x', "10.0.0.1:80"), ('n', "30s")]])
        );
        assert_eq!(values("reconnect it: now."), Some(vec![vec![('x', "now")]]));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_read() {
        for text in
            ["{c} refused to : x.", "{c} refused to list: é", "Reconnect it: a. And more.", "ñ", "{c}"]
        {
            assert_eq!(values(text), None, "{text}");
        }
    }
}
