//! What a form or a query string sends.

use crate::web::sha256;

/// Names and values, in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Fields that differ between two sendings of the same form.
const FLEETING: [&str; 2] = ["csrf", "key"];
/// Names that a form sends at most: more is not one of ours.
const FIELDS_MAX: usize = 1_000;

impl Form {
    pub fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes).take(FIELDS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The trimmed value; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// As [`Form::get`], `None` when it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// The value as sent: for passwords.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// Tells two different requests under one idempotency key apart.
    pub fn hash(&self, path: &str) -> [u8; 32] {
        let mut bytes = path.as_bytes().to_vec();
        for (name, value) in self.0.iter().filter(|(name, _)| !FLEETING.contains(&name.as_str())) {
            bytes.push(0);
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(value.as_bytes());
        }
        sha256(&bytes)
    }
}

/// A query string of these pairs; empty values are left out.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    text.finish()
}

/// A path with this query, or without any.
pub fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = query(pairs);
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A place of ours to go back to; `/` for anything that could lead elsewhere.
pub fn local(path: &str) -> &str {
    let tame = |b: u8| b.is_ascii_graphic() && b != b'\\';
    let is_local = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(tame);
    if is_local && path.len() <= 2_000 { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_places_are_gone_to() {
        assert_eq!(local("/orders?status=shipped"), "/orders?status=shipped");
        for away in ["//evil.example", "/\\evil.example", "https://evil.example", "", "orders", "/a b", "/\n"]
        {
            assert_eq!(local(away), "/", "{away}");
        }
    }

    #[test]
    fn the_same_form_hashes_alike_whatever_its_token() {
        let form = |text: &str| Form::parse(text.as_bytes()).hash("/x");
        assert_eq!(form("csrf=a&key=1&carrier=DHL"), form("csrf=b&key=2&carrier=DHL"));
        assert_ne!(form("carrier=DHL"), form("carrier=UPS"));
        assert_ne!(Form::default().hash("/x"), Form::default().hash("/y"));
    }

    #[test]
    fn fields_are_found_by_name() {
        let form = Form::parse(b"a=+1+&b=&column=x&column=y");
        assert_eq!(form.get("a"), "1");
        assert_eq!(form.raw("a"), " 1 ");
        assert_eq!(form.filled("b"), None);
        assert_eq!(form.all("column").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(address("/orders", &[("q", "#1 2"), ("s", "")]), "/orders?q=%231+2");
    }
}
