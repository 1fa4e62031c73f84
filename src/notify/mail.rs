//! An e-mail, over SMTP.

use std::time::Duration;

use lettre::message::{Mailbox as Person, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport as _, Tokio1Executor};

use super::Message;
use super::post::Undelivered;
use crate::config::{Mailbox, Security};
use crate::model::Timestamp;

/// For each step of the conversation.
const STEP: Duration = Duration::from_secs(10);
/// For the whole of it.
const WHOLE: Duration = Duration::from_mins(1);

/// `trusted`: authorities beside those of this machine.
pub(super) async fn send(
    mailbox: &Mailbox,
    message: &Message,
    trusted: &[Certificate],
) -> Result<(), Undelivered> {
    let mail = compose(mailbox, message)?;
    let transport = transport(mailbox, trusted)?;
    let sent = tokio::time::timeout(WHOLE, transport.send(mail)).await;
    match sent {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(refused(&mailbox.host, &error)),
        Err(_) => Err(Undelivered::for_now(format!(
            "the mail server {} did not take the mail within {} s",
            mailbox.host,
            WHOLE.as_secs()
        ))),
    }
}

fn compose(mailbox: &Mailbox, message: &Message) -> Result<lettre::Message, Undelivered> {
    let unusable = |_| Undelivered::for_good("an address in the config cannot stand in a mail".to_owned());
    let person = |address: &str| address.parse::<Person>().map_err(unusable);
    let domain = mailbox.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let mut mail = lettre::Message::builder()
        .from(person(&mailbox.from)?)
        .subject(format!("[fenicia] {}", message.subject))
        .date(system_time(message.at))
        .message_id(Some(format!("<{}@{domain}>", message.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &mailbox.to {
        mail = mail.to(person(to)?);
    }
    let mut text = message.text.clone();
    if let Some(link) = &message.link {
        text.push_str(&format!("\n\n{link}"));
    }
    text.push('\n');
    mail.body(text).map_err(|_| Undelivered::for_good("the mail cannot be put together".to_owned()))
}

fn system_time(at: Timestamp) -> std::time::SystemTime {
    let millis = u64::try_from(at.as_millis()).unwrap_or_default();
    std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn transport(
    mailbox: &Mailbox,
    trusted: &[Certificate],
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Undelivered> {
    let tls = |make: fn(TlsParameters) -> Tls| {
        let mut parameters = TlsParameters::builder(mailbox.host.clone());
        for authority in trusted {
            parameters = parameters.add_root_certificate(authority.clone());
        }
        parameters.build().map(make).map_err(|_| {
            Undelivered::for_now("TLS cannot be set up: install the ca-certificates package".to_owned())
        })
    };
    let security = match mailbox.security {
        Security::StartTls => tls(Tls::Required)?,
        Security::Tls => tls(Tls::Wrapper)?,
        Security::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mailbox.host)
        .port(mailbox.port)
        .tls(security)
        .timeout(Some(STEP));
    if let Some((name, password)) = &mailbox.login {
        builder = builder.credentials(Credentials::new(name.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

/// What happened, why, and what mends it. A "no" for good to a login or a right may be mended on the
/// server, so that is tried again, too.
fn refused(host: &str, error: &Error) -> Undelivered {
    let words = without_addresses(&error.to_string());
    let status = error.status().map(|code| code.to_string()).unwrap_or_default();
    let why = if let Some(fault) = certificate_fault(error) {
        format!(
            "the mail server {host} shows a certificate that is not trusted here ({fault}), so neither password nor \
             mail was sent. Give the server a certificate for {host} of a known authority, or add its authority to \
             this machine's certificate store"
        )
    } else if error.is_client() && words.contains("STARTTLS") {
        format!(
            "the mail server {host} offers no TLS (STARTTLS), so neither password nor mail was sent. Turn it on \
             there, or write security = \"tls\" and the server's port for it, mostly 465"
        )
    } else if NO_LOGIN.contains(&status.as_str()) {
        format!(
            "the mail server {host} does not let us in ({words}). Correct username and password in the config, then \
             reload"
        )
    } else if is_unreachable(error) {
        format!(
            "the mail server {host} is not reached ({words}). Compare smtp in the config with the server's name and port"
        )
    } else {
        format!("the mail server {host}: {words}")
    };
    Undelivered::for_now(why)
}

/// Answers of a server that wants another login, or one at all.
const NO_LOGIN: [&str; 3] = ["530", "534", "535"];

/// What lies behind an error, as far as the system told it.
fn io_causes(error: &Error) -> impl Iterator<Item = &std::io::Error> {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref())
}

/// No connection came about.
fn is_unreachable(error: &Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, TimedOut};
    let unreached = [ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, TimedOut];
    error.status().is_none() && io_causes(error).any(|cause| unreached.contains(&cause.kind()))
}

/// Why the handshake was given up, if the certificate is to blame.
fn certificate_fault(error: &Error) -> Option<String> {
    io_causes(error).find_map(|cause| match cause.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(fault) => Some(without_addresses(&fault.to_string())),
        _ => None,
    })
}

/// A server's answer may name people; at most 300 characters of it are kept, on one line.
fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "…" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_answer_is_kept_short_and_without_addresses() {
        let long = format!("permanent error (550): <ops@example.com>\r\nno such user {}", "x".repeat(500));
        let kept = without_addresses(&long);
        assert!(kept.starts_with("permanent error (550): … no such user"), "{kept}");
        assert_eq!(kept.chars().count(), 300);
    }
}
