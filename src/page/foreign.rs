//! Text that others wrote, made harmless to look at. Escaping is the templates' work.

/// Longer texts are folded.
const FOLD_CHARS: usize = 600;
const FOLD_LINES: usize = 6;
/// What of one text is shown at all.
const SHOWN_CHARS: usize = 20_000;
const SIGN: char = '\u{fffd}';

/// Control characters and what turns the direction of its neighbours around become a sign.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { SIGN } else { c }).collect()
}

/// As [`clean`], on one line.
pub fn line(text: &str) -> String {
    clean(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn is_deceptive(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    turns || (c.is_control() && c != '\n' && c != '\t')
}

/// A text that may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    pub text: String,
    /// Characters of the whole text, when it is to be folded.
    pub folded: Option<usize>,
}

impl Passage {
    pub fn of(text: &str) -> Self {
        let length = text.chars().count();
        let long = length > FOLD_CHARS || text.lines().count() > FOLD_LINES;
        let shown: String = text.chars().take(SHOWN_CHARS).collect();
        Self { text: clean(&shown), folded: long.then_some(length) }
    }
}

/// Where a parcel can be followed: `https` only, with the host to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub href: String,
    pub host: String,
}

impl Link {
    pub fn of(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
        let is_plain = !authority.is_empty() && authority.bytes().all(plain);
        let harmless = url.len() <= 2_000 && !url.chars().any(|c| c.is_control() || c.is_whitespace());
        (is_plain && harmless).then(|| Self { href: url.to_owned(), host: authority.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_around_is_shown_as_a_sign() {
        assert_eq!(clean("abc\u{202e}def\u{0}"), "abc\u{fffd}def\u{fffd}");
        assert_eq!(clean("مرحبا\nb"), "مرحبا\nb");
        assert_eq!(line("a\n b\t c"), "a b c");
    }

    #[test]
    fn long_texts_are_folded_with_their_true_length() {
        assert_eq!(Passage::of("short").folded, None);
        assert_eq!(Passage::of(&"x".repeat(10_000)).folded, Some(10_000));
        assert_eq!(Passage::of("1\n2\n3\n4\n5\n6\n7").folded, Some(13));
        assert_eq!(Passage::of(&"x".repeat(30_000)).text.len(), 20_000);
    }

    #[test]
    fn only_plain_https_becomes_a_link() {
        let link = Link::of("https://track.example/a?b=c").expect("a link");
        assert_eq!(link.host, "track.example");
        for bad in [
            "http://track.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "https://user@evil.example/",
            "https://a b/",
            " https://a/",
        ] {
            assert_eq!(Link::of(bad), None, "{bad}");
        }
    }
}
