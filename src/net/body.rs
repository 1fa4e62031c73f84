//! The body of an answer: whole, decompressed, and never larger than the cap.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use super::fault::Fault;

/// Reads to the end. Decompresses as it reads, so that no more than `max` bytes are ever held.
pub(super) async fn read(
    mut body: Incoming,
    status: u16,
    headers: &HeaderMap,
    max: usize,
) -> Result<Vec<u8>, Fault> {
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(Fault::TooLarge { status, max });
    }
    let mut sink = Sink::new(headers, max).ok_or(Fault::Encoding { status })?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::Cut { status })?;
        if let Some(bytes) = frame.data_ref() {
            sink.write(bytes).map_err(|error| error.fault(status, max))?;
        }
    }
    sink.finish().map_err(|error| error.fault(status, max))
}

enum Sink {
    Plain(Capped),
    /// With whether anything came at all: an empty body may claim to be compressed.
    Gzip(Box<MultiGzDecoder<Capped>>, bool),
}

#[derive(Debug, PartialEq, Eq)]
enum Broken {
    TooLarge,
    Encoding,
}

impl Sink {
    /// `None` for a compression that we did not ask for.
    fn new(headers: &HeaderMap, max: usize) -> Option<Self> {
        let capped = Capped { bytes: Vec::new(), max, over: false };
        let encoding = headers.get(CONTENT_ENCODING).map_or(Some(""), |value| value.to_str().ok())?;
        match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Plain(capped)),
            "gzip" | "x-gzip" => Some(Self::Gzip(Box::new(MultiGzDecoder::new(capped)), false)),
            _ => None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        match self {
            Self::Plain(capped) => capped.write_all(bytes).map_err(|_| Broken::TooLarge),
            Self::Gzip(decoder, begun) => {
                *begun |= !bytes.is_empty();
                decoder.write_all(bytes).map_err(|_| Broken::of(decoder.get_ref()))
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, Broken> {
        match self {
            Self::Plain(capped) => Ok(capped.bytes),
            Self::Gzip(_, false) => Ok(Vec::new()),
            Self::Gzip(mut decoder, true) => {
                decoder.try_finish().map_err(|_| Broken::of(decoder.get_ref()))?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }
}

impl Broken {
    fn of(capped: &Capped) -> Self {
        if capped.over { Self::TooLarge } else { Self::Encoding }
    }

    fn fault(&self, status: u16, max: usize) -> Fault {
        match self {
            Self::TooLarge => Fault::TooLarge { status, max },
            Self::Encoding => Fault::Encoding { status },
        }
    }
}

/// A buffer that refuses to grow beyond its cap.
struct Capped {
    bytes: Vec<u8>,
    max: usize,
    over: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max - self.bytes.len() {
            self.over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use hyper::header::HeaderValue;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(encoding: &'static str, bytes: &[u8], max: usize) -> Result<Vec<u8>, Broken> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(encoding))]);
        let mut sink = Sink::new(&headers, max).unwrap();
        for chunk in bytes.chunks(7) {
            sink.write(chunk)?;
        }
        sink.finish()
    }

    #[test]
    fn gzip_is_undone_chunk_by_chunk() {
        let text = b"one order, two orders, three orders".repeat(20);
        assert_eq!(decode("GZIP", &gzip(&text), text.len()), Ok(text.clone()));
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode("x-gzip", &two, 100), Ok(b"one two".to_vec()));
        assert_eq!(decode("identity", &text, text.len()), Ok(text));
    }

    #[test]
    fn the_cap_counts_the_decompressed_bytes() {
        let bomb = gzip(&vec![0; 1_000_000]);
        assert!(bomb.len() < 2_000);
        assert_eq!(decode("gzip", &bomb, 999_999), Err(Broken::TooLarge));
        assert_eq!(decode("identity", &[0; 11], 10), Err(Broken::TooLarge));
        assert_eq!(decode("identity", &[0; 10], 10), Ok(vec![0; 10]));
    }

    #[test]
    fn a_broken_or_unfinished_gzip_is_no_answer() {
        let whole = gzip(b"an order");
        assert_eq!(decode("gzip", &whole[..whole.len() - 4], 100), Err(Broken::Encoding));
        assert_eq!(decode("gzip", b"not gzip at all", 100), Err(Broken::Encoding));
        assert_eq!(decode("gzip", b"", 100), Ok(Vec::new()));
    }

    #[test]
    fn other_compressions_are_refused() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static("br"))]);
        assert!(Sink::new(&headers, 10).is_none());
    }
}
