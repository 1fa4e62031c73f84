//! Everything that can keep a request from its answer, in words for the merchant.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use hyper_util::client::legacy;

use super::connect::ConnectFault;
use crate::model::{Failure, FailureKind};

#[derive(Debug)]
pub(super) enum Fault {
    /// Not an absolute `http` or `https` address.
    BadAddress,
    /// The value holds characters that no header can.
    BadHeader(&'static str),
    Connect(ConnectFault),
    /// The connection closed before the request was begun.
    NeverSent,
    Late {
        after: Duration,
        connected: bool,
    },
    Reset,
    ClosedEarly,
    NotHttp,
    /// The connection broke amid the answer.
    Cut {
        status: u16,
    },
    TooLarge {
        status: u16,
        max: usize,
    },
    /// Not the compression that we asked for, or a broken one.
    Encoding {
        status: u16,
    },
}

impl Fault {
    pub(super) fn of(error: &legacy::Error) -> Self {
        let causes =
            || std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
        if let Some(fault) = causes().find_map(|cause| cause.downcast_ref::<ConnectFault>()) {
            return Self::Connect(fault.clone());
        }
        if error.is_connect() {
            return Self::Connect(ConnectFault::Other);
        }
        let hyper = causes().find_map(|cause| cause.downcast_ref::<hyper::Error>());
        match hyper {
            // hyper says so only when it has not begun to write the request.
            Some(error) if error.is_canceled() => Self::NeverSent,
            Some(error) if error.is_parse() => Self::NotHttp,
            Some(error) if error.is_incomplete_message() => Self::ClosedEarly,
            _ => Self::Reset,
        }
    }

    /// Names the host and nothing else of the request.
    pub(super) fn into_failure(self, host: &str) -> Failure {
        let message = self.words(host);
        let failure = match self {
            Self::BadAddress | Self::BadHeader(_) => Failure::new(FailureKind::InvalidRequest, message),
            Self::NotHttp => Failure::unavailable(message),
            Self::TooLarge { status, .. } | Self::Encoding { status } => {
                Failure::unavailable(message).http(status, None)
            }
            Self::Cut { status } => Failure::timeout(message).http(status, None),
            _ => Failure::timeout(message),
        };
        Failure { no_effect: failure.no_effect || self.is_unsent(), ..failure }
    }

    /// Certainly nothing of the request has left this machine.
    fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::BadAddress
                | Self::BadHeader(_)
                | Self::Connect(_)
                | Self::NeverSent
                | Self::Late { connected: false, .. }
        )
    }

    fn words(&self, host: &str) -> String {
        match self {
            Self::BadAddress => "the address to call is not a complete http or https address".to_owned(),
            Self::BadHeader(name) => {
                format!("the header {name} for {host} holds characters that cannot be sent")
            }
            Self::Connect(fault) => fault.words(host),
            Self::NeverSent => format!("{host} closed the connection before the request was sent"),
            Self::Late { after, connected: false } => format!("no connection to {host} within {after:?}"),
            Self::Late { after, connected: true } => format!("{host} did not answer within {after:?}"),
            Self::Reset => format!("the connection to {host} broke before the answer came"),
            Self::ClosedEarly => format!("{host} closed the connection without an answer"),
            Self::NotHttp => format!("{host} answered something that is not HTTP"),
            Self::Cut { .. } => format!("the connection to {host} broke in the middle of the answer"),
            Self::TooLarge { max, .. } => format!("the answer of {host} is larger than {max} bytes"),
            Self::Encoding { .. } => {
                format!("the answer of {host} is compressed in a way that cannot be read")
            }
        }
    }
}

impl ConnectFault {
    fn words(&self, host: &str) -> String {
        match self {
            Self::Slow(after) => format!("no connection to {host} within {after:?}"),
            Self::Dns => format!("the name {host} cannot be resolved (DNS)"),
            Self::Internal => format!("{host} leads into an internal network, where this call may not go"),
            Self::Tcp(ErrorKind::ConnectionRefused) => format!("{host} refuses the connection"),
            Self::Tcp(ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable) => {
                format!("no network path leads to {host}")
            }
            Self::Tcp(_) | Self::Other => format!("no connection to {host}"),
            Self::Tls(error) => format!("no secure connection (TLS) to {host}: {}", tls_words(error)),
            Self::NoRoots => format!(
                "no secure connection (TLS) to {host}: this machine trusts no certificate authority; install \
                 the ca-certificates package"
            ),
        }
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    let rustls::Error::InvalidCertificate(fault) = error else { return error.to_string() };
    match fault {
        Expired | ExpiredContext { .. } => "its certificate has expired, or this machine's clock is ahead",
        NotValidYet | NotValidYetContext { .. } => {
            "its certificate is not valid yet, or this machine's clock is behind"
        }
        NotValidForName | NotValidForNameContext { .. } => "its certificate is for another name",
        UnknownIssuer => "its certificate is from an authority that this machine does not trust",
        _ => return error.to_string(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn certificate_faults_are_told_in_plain_words() {
        for (fault, words) in [
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "not valid yet"),
            (CertificateError::NotValidForName, "for another name"),
            (CertificateError::UnknownIssuer, "does not trust"),
            (CertificateError::Revoked, "Revoked"),
        ] {
            let fault = Fault::Connect(ConnectFault::Tls(rustls::Error::InvalidCertificate(fault)));
            let failure = fault.into_failure("api.example.com");
            assert!(
                failure.message.contains(words) && failure.message.contains("api.example.com"),
                "{failure}"
            );
            assert!(failure.no_effect);
        }
    }

    #[test]
    fn only_what_never_reached_the_wire_is_without_effect() {
        let after = Duration::from_secs(30);
        for (fault, no_effect) in [
            (Fault::NeverSent, true),
            (Fault::Late { after, connected: false }, true),
            (Fault::Late { after, connected: true }, false),
            (Fault::Reset, false),
            (Fault::ClosedEarly, false),
            (Fault::NotHttp, false),
            (Fault::Cut { status: 200 }, false),
        ] {
            let name = format!("{fault:?}");
            assert_eq!(fault.into_failure("host").no_effect, no_effect, "{name}");
        }
    }
}
