//! A consent: what a person is sent to the marketplace with, and comes back with.

/// One consent under way.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Where the marketplace sends the browser back to.
    pub redirect: &'a str,
    pub state: &'a str,
    /// PKCE: the secret, of which the address holds only the hash.
    pub verifier: &'a str,
}

/// What the marketplace sent the browser back with. No `Debug`: the code is a secret.
pub struct Given {
    pub state: String,
    pub code: String,
    params: Vec<(String, String)>,
}

/// Why an address is not that of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGiven {
    /// It belongs to no consent.
    NoState,
    /// The person, or the marketplace, refused.
    NoCode,
}

impl Given {
    /// Reads the query of the callback. Marketplaces call the code `code`, with or without a prefix.
    pub fn read(query: &str) -> Result<Self, NotGiven> {
        let params: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().take(PARAMS_MAX).collect();
        let of =
            |is: fn(&str) -> bool| params.iter().find(|(name, _)| is(name)).map(|(_, value)| value.clone());
        let state = of(|name| name == "state").ok_or(NotGiven::NoState)?;
        let code = of(|name| name == "code" || name.ends_with("_code")).filter(|code| !code.is_empty());
        Ok(Self { state, code: code.ok_or(NotGiven::NoCode)?, params })
    }

    /// What else it says.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// More than any marketplace sends.
const PARAMS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_under_any_of_its_names() {
        let read = |query| Given::read(query).map(|given| (given.state, given.code));
        let both = || Ok(("s".to_owned(), "c".to_owned()));
        assert_eq!(read("state=s&code=c"), both());
        assert_eq!(read("oauth_code=c&state=s"), both());
        assert_eq!(read("state=s&error=access_denied"), Err(NotGiven::NoCode));
        assert_eq!(read("state=s&code="), Err(NotGiven::NoCode));
        assert_eq!(read(""), Err(NotGiven::NoState));
        let given = Given::read("state=s&code=c&account=a%20b").expect("given");
        assert_eq!((given.param("account"), given.param("other")), (Some("a b"), None));
    }
}
