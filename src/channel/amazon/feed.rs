//! The two documents of a cancellation: the order acknowledgement that is sent, and the processing
//! report that comes back.

use std::io::Read;

use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

/// Stated when the document is created, and exactly so when it is uploaded.
pub(super) const CONTENT_TYPE: &str = "text/xml; charset=UTF-8";
pub(super) const FEED_TYPE: &str = "POST_ORDER_ACKNOWLEDGEMENT_DATA";

/// Each feed is about one order, so there is one message.
const MESSAGE_ID: &str = "1";
/// Largest report that is unpacked: it tells of one order.
const REPORT_MAX_BYTES: u64 = 4 << 20;

/// The order of the fields is the order of the elements, which Amazon checks.
#[derive(Serialize)]
#[serde(rename = "AmazonEnvelope", rename_all = "PascalCase")]
struct Acknowledgement<'a> {
    #[serde(rename = "@xmlns:xsi")]
    schema_instance: &'static str,
    #[serde(rename = "@xsi:noNamespaceSchemaLocation")]
    schema: &'static str,
    header: Header<'a>,
    message_type: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    document_version: &'static str,
    merchant_identifier: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "MessageID")]
    id: &'static str,
    #[serde(rename = "OrderAcknowledgement")]
    order: OrderAcknowledgement<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OrderAcknowledgement<'a> {
    #[serde(rename = "AmazonOrderID")]
    order: &'a str,
    status_code: &'static str,
    item: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    amazon_order_item_code: &'a str,
    cancel_reason: &'a str,
}

/// The document that cancels a whole order: every line is named.
pub(super) fn cancellation(
    seller: &str,
    order: &str,
    lines: &[&str],
    reason: &str,
) -> Result<Vec<u8>, quick_xml::SeError> {
    let document = Acknowledgement {
        schema_instance: "http://www.w3.org/2001/XMLSchema-instance",
        schema: "amzn-envelope.xsd",
        header: Header { document_version: "1.01", merchant_identifier: seller },
        message_type: "OrderAcknowledgement",
        message: Message {
            id: MESSAGE_ID,
            order: OrderAcknowledgement {
                order,
                status_code: "Failure",
                item: lines
                    .iter()
                    .map(|line| Line { amazon_order_item_code: line, cancel_reason: reason })
                    .collect(),
            },
        },
    };
    let body = quick_xml::se::to_string(&document)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}").into_bytes())
}

/// What the report says about the one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Processed without an error.
    Accepted,
    /// Amazon's words.
    Refused(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReportEnvelope {
    #[serde(default)]
    message: Vec<ReportMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReportMessage {
    processing_report: Option<ProcessingReport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessingReport {
    processing_summary: Option<Summary>,
    #[serde(default)]
    result: Vec<ReportLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    messages_processed: Option<u32>,
    #[serde(default)]
    messages_with_error: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReportLine {
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
    result_code: Option<String>,
    result_message_code: Option<String>,
    result_description: Option<String>,
}

/// Reads a report; `None` when it is not one. `gzip` when Amazon says so: the file itself is
/// packed, not the transfer, though a transfer may have unpacked it on the way.
pub(super) fn report(bytes: &[u8], gzip: bool) -> Option<Outcome> {
    let mut text = Vec::new();
    if gzip && bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(bytes).take(REPORT_MAX_BYTES).read_to_end(&mut text).ok()?;
    } else {
        text.extend_from_slice(bytes);
    }
    let envelope: ReportEnvelope = quick_xml::de::from_str(&String::from_utf8_lossy(&text)).ok()?;
    let report = envelope.message.into_iter().find_map(|message| message.processing_report)?;
    Some(report.outcome())
}

impl ProcessingReport {
    fn outcome(&self) -> Outcome {
        let ours = |id: &Option<String>| id.as_deref().is_none_or(|id| id == MESSAGE_ID || id == "0");
        let error = self
            .result
            .iter()
            .find(|line| line.result_code.as_deref() == Some("Error") && ours(&line.message_id));
        if let Some(error) = error {
            let parts = [&error.result_description, &error.result_message_code];
            let words: Vec<&str> = parts.into_iter().filter_map(Option::as_deref).collect();
            return Outcome::Refused(words.join(" · code "));
        }
        let summary = self.processing_summary.as_ref();
        if summary.is_some_and(|summary| summary.messages_with_error > 0) {
            return Outcome::Refused("the report names an error without a reason".to_owned());
        }
        if summary.and_then(|summary| summary.messages_processed) == Some(0) {
            return Outcome::Refused("the report says that nothing was processed".to_owned());
        }
        Outcome::Accepted
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn processed(summary: &str, results: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">
              <Header><DocumentVersion>1.02</DocumentVersion><MerchantIdentifier>A1SELLER</MerchantIdentifier></Header>
              <MessageType>ProcessingReport</MessageType>
              <Message><MessageID>1</MessageID><ProcessingReport>
                <DocumentTransactionID>50099</DocumentTransactionID><StatusCode>Complete</StatusCode>
                <ProcessingSummary>{summary}</ProcessingSummary>{results}
              </ProcessingReport></Message>
            </AmazonEnvelope>"#
        )
    }

    const ONE_GOOD: &str = "<MessagesProcessed>1</MessagesProcessed><MessagesSuccessful>1</MessagesSuccessful>\
                            <MessagesWithError>0</MessagesWithError><MessagesWithWarning>0</MessagesWithWarning>";

    #[test]
    fn the_document_names_every_line_in_the_order_that_amazon_checks() {
        let xml = cancellation("A1SELLER", "701-0000001-0000001", &["11", "12"], "NoInventory").expect("xml");
        assert_eq!(
            String::from_utf8(xml).expect("text"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <AmazonEnvelope xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:noNamespaceSchemaLocation=\"amzn-envelope.xsd\">\
             <Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>A1SELLER</MerchantIdentifier></Header>\
             <MessageType>OrderAcknowledgement</MessageType>\
             <Message><MessageID>1</MessageID><OrderAcknowledgement>\
             <AmazonOrderID>701-0000001-0000001</AmazonOrderID><StatusCode>Failure</StatusCode>\
             <Item><AmazonOrderItemCode>11</AmazonOrderItemCode><CancelReason>NoInventory</CancelReason></Item>\
             <Item><AmazonOrderItemCode>12</AmazonOrderItemCode><CancelReason>NoInventory</CancelReason></Item>\
             </OrderAcknowledgement></Message></AmazonEnvelope>"
        );
    }

    #[test]
    fn text_is_escaped() {
        let xml = cancellation("A<&>B", "o", &["1\"2"], "r").expect("xml");
        let text = String::from_utf8(xml).expect("text");
        assert!(text.contains("A&lt;&amp;&gt;B"), "{text}");
    }

    #[test]
    fn a_report_without_an_error_is_a_success() {
        assert_eq!(report(processed(ONE_GOOD, "").as_bytes(), false), Some(Outcome::Accepted));
        let warned = "<Result><MessageID>1</MessageID><ResultCode>Warning</ResultCode>\
                      <ResultMessageCode>5</ResultMessageCode><ResultDescription>so so</ResultDescription></Result>";
        assert_eq!(report(processed(ONE_GOOD, warned).as_bytes(), false), Some(Outcome::Accepted));
    }

    #[test]
    fn an_error_is_told_in_amazon_s_words() {
        let refused = "<Result><MessageID>1</MessageID><ResultCode>Error</ResultCode>\
                       <ResultMessageCode>18028</ResultMessageCode>\
                       <ResultDescription>The order was shipped &amp; cannot be cancelled.</ResultDescription>\
                       <AdditionalInfo><AmazonOrderID>701-0000001-0000001</AmazonOrderID></AdditionalInfo></Result>";
        let words = "The order was shipped & cannot be cancelled. · code 18028".to_owned();
        assert_eq!(report(processed(ONE_GOOD, refused).as_bytes(), false), Some(Outcome::Refused(words)));
    }

    #[test]
    fn a_report_of_nothing_is_a_refusal() {
        let none = "<MessagesProcessed>0</MessagesProcessed>";
        assert!(matches!(report(processed(none, "").as_bytes(), false), Some(Outcome::Refused(_))));
        let bad = "<MessagesProcessed>1</MessagesProcessed><MessagesWithError>1</MessagesWithError>";
        assert!(matches!(report(processed(bad, "").as_bytes(), false), Some(Outcome::Refused(_))));
    }

    #[test]
    fn a_packed_report_is_unpacked() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(processed(ONE_GOOD, "").as_bytes()).expect("packed");
        let packed = packer.finish().expect("packed");
        assert_eq!(report(&packed, true), Some(Outcome::Accepted));
        assert_eq!(report(&packed, false), None, "unpacked only when Amazon says that it is packed");
        assert_eq!(report(processed(ONE_GOOD, "").as_bytes(), true), Some(Outcome::Accepted));
    }

    #[test]
    fn what_is_no_report_is_none() {
        for text in ["", "<html></html>", "{}", "<AmazonEnvelope/>"] {
            assert_eq!(report(text.as_bytes(), false), None, "{text}");
        }
    }
}
