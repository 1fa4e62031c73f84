//! Access: one rotating pair of tokens per seller, obtained by a consent in the browser.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::api::{Api, OWNER};
use super::document::TokenDoc;
use super::site::Site;
use crate::channel::Consent;
use crate::model::{Failure, Secret, Timestamp, Tokens};

/// When the answer does not say; the shortest that has been documented.
const EXPIRES_IN: u64 = 10_800;
/// A refresh token lives six months and is spent by its use.
const REFRESH_LIFE: Duration = Duration::from_hours(4320);

/// The application, as the merchant registered it.
pub struct Application {
    pub client_id: u64,
    pub client_secret: Secret,
    /// The first one; each renewal brings the next.
    pub refresh_token: Option<Secret>,
}

impl Application {
    /// Spends the held refresh token, else the configured one. Once: the caller stores the new
    /// pair before it is used.
    pub async fn renew(&self, api: &Api, channel: &str, held: Option<&Tokens>) -> Result<Tokens, Failure> {
        let spent = held.and_then(|tokens| tokens.refresh.as_ref()).or(self.refresh_token.as_ref());
        let Some(spent) = spent else {
            return Err(Failure::permission(format!(
                "There is no refresh token: nobody has consented yet. Connect the channel: fenicia connect \
                 {channel}"
            )));
        };
        let client_id = self.client_id.to_string();
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id.as_str()),
            ("client_secret", self.client_secret.expose()),
            ("refresh_token", spent.expose()),
        ];
        let (doc, begun_at) = api.token(&fields).await?;
        let generation = held.map_or(0, |tokens| tokens.generation) + 1;
        Ok(tokens(&doc, begun_at, generation, Some(spent)))
    }

    pub async fn redeem(&self, api: &Api, consent: &Consent<'_>, code: &str) -> Result<Tokens, Failure> {
        let client_id = self.client_id.to_string();
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id.as_str()),
            ("client_secret", self.client_secret.expose()),
            ("code", code),
            ("redirect_uri", consent.redirect),
            ("code_verifier", consent.verifier),
        ];
        let (doc, begun_at) = api.token(&fields).await?;
        Ok(tokens(&doc, begun_at, 1, None))
    }

    /// Where the owner of the seller's account consents.
    pub fn consent_address(&self, site: &Site, base_url: Option<&str>, consent: &Consent<'_>) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id.to_string())
            .append_pair("redirect_uri", consent.redirect)
            .append_pair("state", consent.state)
            .append_pair("code_challenge", &challenge(consent.verifier))
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}/authorization?{query}", base_url.unwrap_or(site.consent_origin))
    }
}

/// PKCE, method S256.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// `expires_in` is trusted: the documentation's text about it is wrong.
fn tokens(doc: &TokenDoc, begun_at: Timestamp, generation: u64, spent: Option<&Secret>) -> Tokens {
    let life = Duration::from_secs(doc.expires_in.unwrap_or(EXPIRES_IN));
    let refresh = doc.refresh_token.as_ref().map(|token| Secret::new(token.as_str()));
    let owner = doc.user_id.map(|owner| (OWNER.to_owned(), owner.0.to_string()));
    Tokens {
        access: Secret::new(doc.access_token.as_str()),
        expires_at: Some(begun_at.plus(life)),
        obtained_at: begun_at,
        // An answer without a new one leaves the old one in force.
        refresh: refresh.or_else(|| spent.cloned()),
        refresh_expires_at: Some(begun_at.plus(REFRESH_LIFE)),
        generation,
        scopes: doc.scope.word().split_whitespace().map(str::to_owned).collect(),
        extra: owner.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_hash_of_the_verifier() {
        for (verifier, expected) in [
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            (
                "fenicia-mercadolibre-code-verifier-0123456789-ABCDEF",
                "UOUX_P36x3aawgqs-aVkQKsFPh74XO43tupenIiVPlo",
            ),
        ] {
            assert_eq!(challenge(verifier), expected);
        }
    }

    #[test]
    fn the_life_of_a_token_is_what_the_answer_says() {
        let doc: TokenDoc = serde_json::from_str(
            r#"{"access_token":"a","expires_in":10800,"scope":"offline_access read","user_id":7,"refresh_token":"r"}"#,
        )
        .expect("token");
        let tokens = tokens(&doc, Timestamp::EPOCH, 3, None);
        assert_eq!(tokens.expires_at, Some(Timestamp::from_secs(10_800)));
        assert_eq!(tokens.refresh.as_ref().map(Secret::expose), Some("r"));
        assert_eq!(tokens.scopes, ["offline_access", "read"]);
        assert_eq!((tokens.generation, tokens.extra[OWNER].as_str()), (3, "7"));
    }

    #[test]
    fn the_consent_is_given_on_the_page_of_the_country() {
        let application = Application { client_id: 7, client_secret: Secret::new("s"), refresh_token: None };
        let consent = Consent { redirect: "https://a.example/cb", state: "st", verifier: "v" };
        let site = Site::find("MLB").expect("site");
        let address = application.consent_address(site, None, &consent);
        assert!(
            address
                .starts_with("https://auth.mercadolivre.com.br/authorization?response_type=code&client_id=7")
        );
        assert!(address.contains("&redirect_uri=https%3A%2F%2Fa.example%2Fcb&state=st&code_challenge="));
        let local = application.consent_address(site, Some("http://127.0.0.1:1"), &consent);
        assert!(local.starts_with("http://127.0.0.1:1/authorization?"));
    }
}
