//! What a restart must know of the allowances: a daemon that dies takes its counts with it, the
//! marketplace keeps its own.

use std::future::Future;
use std::pin::Pin;

use crate::model::Left;

/// Where a wire keeps what is left of its allowances. Written to before a call that would leave less
/// than the last note says, and each note allows for the calls of some ten seconds to come: a busy
/// channel writes a few of them a minute, a quiet one none.
pub trait Ledger: Send + Sync {
    /// The last note about the bucket of this operation; the empty name is the bucket for all.
    fn left(&self, operation: &str) -> Option<Left>;

    /// On disk when it returns. A note that cannot be kept is the ledger's trouble, not the call's.
    fn note<'a>(
        &'a self,
        operation: &'static str,
        left: Left,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
