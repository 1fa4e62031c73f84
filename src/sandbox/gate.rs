//! Between the socket and a stand: control routes, faults, and the count of calls.

use std::sync::Arc;
use std::time::Duration;

use super::control;
use super::faults::Fault;
use super::message::{Request, Response};
use super::stand::Stand;

/// How long a call hangs at most.
const HANG: Duration = Duration::from_mins(10);

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Passage {
    Answer(Response),
    /// The answer breaks off half-way.
    Broken(Response),
    /// The connection is reset.
    Reset,
}

/// Lets one request through to the stand, or not.
pub(super) async fn pass(stand: &Arc<dyn Stand>, request: Request) -> Passage {
    if request.path == "/_sandbox" || request.path.starts_with("/_sandbox/") {
        return Passage::Answer(control::answer(stand.as_ref(), &request));
    }
    let kit = stand.kit();
    let operation = stand.operation(&request);
    let fault = kit.faults.take_for_call(&operation);
    let passage = suffer(stand.as_ref(), &request, fault).await;
    let status = match &passage {
        Passage::Answer(response) => Some(response.status),
        Passage::Broken(_) | Passage::Reset => None,
    };
    kit.effects.record_call(kit.now(), &operation, status);
    passage
}

async fn suffer(stand: &dyn Stand, request: &Request, fault: Option<Fault>) -> Passage {
    let Some(fault) = fault else { return Passage::Answer(stand.handle(request)) };
    match fault {
        Fault::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Passage::Answer(stand.handle(request))
        }
        Fault::Hang => {
            tokio::time::sleep(HANG).await;
            Passage::Reset
        }
        Fault::Status { status } => Passage::Answer(stand.refusal(status, request)),
        Fault::ResetBefore => Passage::Reset,
        Fault::RateLimited { seconds } => Passage::Answer(stand.throttled(seconds, request)),
        Fault::TokenRevoked => {
            stand.revoke_access();
            Passage::Answer(stand.handle(request))
        }
        Fault::TokenExpired => {
            stand.expire_access();
            Passage::Answer(stand.handle(request))
        }
        after => spoil(after, stand.handle(&Request { unheard: true, ..request.clone() })).await,
    }
}

/// What a fault makes of the answer of a call that took effect.
async fn spoil(fault: Fault, mut response: Response) -> Passage {
    match fault {
        Fault::ResetAfter => Passage::Reset,
        Fault::TimeoutAfter => {
            tokio::time::sleep(HANG).await;
            Passage::Reset
        }
        Fault::HtmlAfter => Passage::Answer(Response::html(
            200,
            "<!doctype html><title>Just a moment…</title><p>Checking your browser.",
        )),
        Fault::GarbageAfter => Passage::Answer(Response::typed(
            200,
            "application/json",
            vec![0xff, 0xfe, 0x00, 0x80, 0x1f, 0x8b],
        )),
        Fault::Truncated => {
            response.body.truncate(response.body.len() / 2);
            Passage::Answer(response)
        }
        Fault::CutAnswer => Passage::Broken(response),
        _ => Passage::Answer(response),
    }
}
