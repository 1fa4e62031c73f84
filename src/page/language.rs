//! Which language a reader gets: the chosen one, else what the browser asks for, else English.

use super::words::{EN, ES, PT, Words};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Spanish,
    Portuguese,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::Spanish, Self::Portuguese];

    /// As it stands in `lang` attributes and in the cookie.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es-MX",
            Self::Portuguese => "pt-BR",
        }
    }

    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
            Self::Portuguese => "Português",
        }
    }

    pub fn words(self) -> &'static Words {
        match self {
            Self::English => &EN,
            Self::Spanish => &ES,
            Self::Portuguese => &PT,
        }
    }

    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// By the wishes of an `Accept-Language` header: any Spanish, any Portuguese, else English.
    pub fn of_browser(header: Option<&str>) -> Self {
        let mut best = (0.0, Self::English);
        for wish in header.unwrap_or_default().split(',').take(20) {
            let (tag, quality) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let language = match primary.as_str() {
                "en" => Self::English,
                "es" => Self::Spanish,
                "pt" => Self::Portuguese,
                _ => continue,
            };
            let quality = quality.unwrap_or(0.0);
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// Whether this many things take the singular form.
    const fn is_one(self, number: u64) -> bool {
        match self {
            Self::English | Self::Spanish => number == 1,
            Self::Portuguese => number <= 1,
        }
    }

    /// The form that fits the number, with the number in place of `{n}`.
    pub fn count(self, number: u64, forms: (&str, &str)) -> String {
        let form = if self.is_one(number) { forms.0 } else { forms.1 };
        fill(form, &[("n", &self.number(number))])
    }

    /// A label as it stands within a sentence.
    pub fn amid(self, label: &str) -> String {
        let mut letters = label.chars();
        match letters.next().filter(|_| self != Self::English) {
            Some(first) => first.to_lowercase().chain(letters).collect(),
            None => label.to_owned(),
        }
    }

    /// With the language's own grouping.
    pub fn number(self, number: u64) -> String {
        self.amount(&number.to_string())
    }

    /// A decimal as the API gives it, with the language's own marks. Never through a float.
    pub fn amount(self, decimal: &str) -> String {
        let (group, point) = match self {
            Self::English | Self::Spanish => (',', '.'),
            Self::Portuguese => ('.', ','),
        };
        let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("−", rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = sign.to_owned();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }
}

/// With a large first letter.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A phrase with its `{names}` replaced.
pub fn fill(phrase: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(phrase.len() + 16);
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        text.push_str(value);
        rest = tail;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_asked_which_language_it_wants() {
        for (header, wanted) in [
            (Some("es-MX,es;q=0.9,en;q=0.8"), Language::Spanish),
            (Some("es-AR"), Language::Spanish),
            (Some("pt"), Language::Portuguese),
            (Some("de, fr;q=0.5"), Language::English),
            (Some("de, pt-PT;q=0.5, en;q=0.4"), Language::Portuguese),
            (Some(";;q=,"), Language::English),
            (None, Language::English),
        ] {
            assert_eq!(Language::of_browser(header), wanted, "{header:?}");
        }
    }

    #[test]
    fn amounts_are_grouped_and_keep_their_decimals() {
        for (language, decimal, wanted) in [
            (Language::English, "2986.50", "2,986.50"),
            (Language::Spanish, "2986.50", "2,986.50"),
            (Language::Portuguese, "2986.50", "2.986,50"),
            (Language::English, "0.00", "0.00"),
            (Language::English, "1000412", "1,000,412"),
            (Language::Portuguese, "-1234567.8", "−1.234.567,8"),
            (Language::English, "100", "100"),
        ] {
            assert_eq!(language.amount(decimal), wanted);
        }
    }

    #[test]
    fn counts_take_their_plural_form() {
        let forms = ("{n} pedido", "{n} pedidos");
        assert_eq!(Language::Spanish.count(1, forms), "1 pedido");
        assert_eq!(Language::Spanish.count(0, forms), "0 pedidos");
        assert_eq!(Language::Portuguese.count(0, forms), "0 pedido");
        assert_eq!(Language::English.count(1_284, forms), "1,284 pedidos");
    }

    #[test]
    fn phrases_take_values_by_name() {
        assert_eq!(fill("{n} of {m} done", &[("m", "3"), ("n", "1")]), "1 of 3 done");
        assert_eq!(fill("{t} ago", &[("t", "{n}")]), "{n} ago");
        assert_eq!(fill("no values", &[]), "no values");
    }
}
