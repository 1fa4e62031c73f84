//! The sheet, the script and the mark: in the binary, named by their content, compressed once.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::leaf::Leaf;
use crate::web::{Visit, sha256};

/// Addresses of the assets, for the templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub style: String,
    pub script: String,
    pub mark: String,
}

struct Asset {
    address: String,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
}

/// All assets.
pub struct Assets {
    assets: [Asset; 3],
}

impl Assets {
    pub fn new() -> Self {
        let asset = |name: &str, extension: &str, content_type, plain: &'static [u8]| Asset {
            address: format!("/assets/{name}-{}.{extension}", short_hash(plain)),
            content_type,
            plain,
            gzip: gzip(plain, Compression::best()),
        };
        let style = include_bytes!("../../assets/style.css");
        let script = include_bytes!("../../assets/page.js");
        let mark = include_bytes!("../../assets/mark.svg");
        Self {
            assets: [
                asset("style", "css", "text/css; charset=utf-8", style),
                asset("page", "js", "text/javascript; charset=utf-8", script),
                asset("mark", "svg", "image/svg+xml", mark),
            ],
        }
    }

    pub fn addresses(&self) -> Addresses {
        let [style, script, mark] = &self.assets;
        Addresses { style: style.address.clone(), script: script.address.clone(), mark: mark.address.clone() }
    }

    /// The asset at this path. Its content never changes, so it may be kept for ever.
    pub fn serve(&self, visit: &Visit) -> Option<Leaf> {
        let [.., mark] = &self.assets;
        let path = if visit.path() == "/favicon.ico" { &mark.address } else { visit.path() };
        let asset = self.assets.iter().find(|asset| asset.address == path)?;
        let mut leaf = Leaf { status: 200, headers: Vec::new(), body: asset.plain.into() };
        leaf.headers.push(("content-type", asset.content_type.to_owned()));
        leaf.headers.push(("cache-control", "public, max-age=31536000, immutable".to_owned()));
        leaf.headers.push(("vary", "accept-encoding".to_owned()));
        if takes_gzip(visit) {
            leaf.headers.push(("content-encoding", "gzip".to_owned()));
            leaf.body = asset.gzip.clone().into();
        }
        Some(leaf)
    }
}

pub fn takes_gzip(visit: &Visit) -> bool {
    let codings = visit.header("accept-encoding").unwrap_or_default().split(',');
    codings.map(str::trim).any(|coding| coding == "gzip" || coding.starts_with("gzip;q=1"))
}

/// Writing to memory cannot fail; should it, the browser would see a cut answer.
pub fn gzip(plain: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 3), level);
    let written = encoder.write_all(plain);
    debug_assert!(written.is_ok(), "memory takes all");
    encoder.finish().unwrap_or_default()
}

fn short_hash(bytes: &[u8]) -> String {
    sha256(bytes)[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_small() {
        let script = include_str!("../../assets/page.js");
        assert!(script.len() <= 10_240, "{} bytes", script.len());
        assert!(script.lines().count() <= 250, "{} lines", script.lines().count());
    }

    #[test]
    fn first_visits_are_light() {
        let assets = Assets::new();
        let sum: usize = assets.assets.iter().map(|asset| asset.gzip.len()).sum();
        assert!(sum < 20_000, "{sum} bytes");
    }

    #[test]
    fn an_address_names_its_content() {
        let addresses = Assets::new().addresses();
        assert!(
            addresses.style.starts_with("/assets/style-") && addresses.style.strip_suffix(".css").is_some()
        );
        assert_ne!(addresses.style, addresses.script);
    }
}
