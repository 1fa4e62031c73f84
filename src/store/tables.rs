//! Every table of the database file. Keys and values are bytes that this layer encodes itself, so
//! that no version of the engine can read them differently.

use redb::TableDefinition;

/// A table of bytes to bytes.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// One table. `C` is a channel, `O` an order's id at its channel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Tab { $($(#[$doc])* $name),+ }

        impl Tab {
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

tables!(
    /// name -> bytes: schema version, instance id, boot counter, marks of unfinished upkeep.
    Meta = "meta",
    /// (C, seq) -> sealed delivery, not applied yet.
    Inbox = "inbox",
    /// (C, due, seq) -> sealed delivery whose alias is not known yet.
    Waiting = "waiting",
    /// (C, seq) -> due: where a waiting delivery is.
    WaitingAt = "waiting_at",
    /// (C, delivery id) -> expiry: the window in which a repetition is recognised.
    DeliveryIds = "delivery_ids",
    /// (C, O) -> order without personal data.
    Orders = "orders",
    /// (C, O) -> sealed personal data, only where there is some.
    Persons = "persons",
    /// (C, alias) -> O.
    Aliases = "aliases",
    /// (C, O, n) -> event.
    Timeline = "timeline",
    /// seq -> change.
    Changes = "changes",
    /// (C, O) -> the coalescing row of an order that is wanted afresh.
    Jobs = "jobs",
    /// (C, lane, due, O) -> (): one row per job that is not parked.
    Due = "due",
    /// (C, O) -> boot, lane, flags: a job that is being run.
    Started = "started",
    /// (C, stream) -> place of a poll.
    Polls = "polls",
    /// sync id -> status.
    Syncs = "syncs",
    /// C -> id of the running bulk sync.
    Bulk = "bulk",
    /// C -> connection.
    Connections = "connections",
    /// (C, operation) -> at least so much of the allowance was left then.
    Allowances = "allowances",
    /// C -> sealed tokens.
    Tokens = "tokens",
    /// action id -> sealed action.
    Actions = "actions",
    /// (C, due, action id) -> (): one row per open action.
    ActionDue = "action_due",
    /// (C, O, action id) -> due of an open action, empty for an ended one.
    OrderActions = "order_actions",
    /// failure id -> failure.
    Failures = "failures",
    /// subject -> failure id.
    FailureOf = "failure_of",
    /// notification id -> notification.
    Notifications = "notifications",
    /// incident key -> id of its open notification.
    Incidents = "incidents",
    /// notification id -> (): whom to tell of it is not decided yet.
    Untold = "untold",
    /// (target, due, notification id, phase) -> (): one row per message that waits to be sent.
    TellingDue = "telling_due",
    /// idempotency key -> hash of the request, answer, expiry.
    Asked = "asked",
    /// key id -> API key and the hash of its secret.
    ApiKeys = "api_keys",
    /// hash of a secret -> key id.
    KeyHashes = "key_hashes",
    /// hash of a session's secret -> session. Left out of backups.
    Sessions = "sessions",
    /// (C, O) -> when the order came to its end: from then on the retention runs.
    Ended = "ended",
    /// (C, ended at, O) -> (): the same, by time.
    Retention = "retention",
    /// (C, status, payment, sync state, newest placed first, O) -> updated at, read at. View.
    Facets = "facets",
    /// (C, status, payment, sync state) -> how many. View.
    Counts = "counts",
    /// (newest updated first, C, O) -> placed at. View.
    Updated = "updated",
    /// (clear term, newest placed first, C, O) -> (). View.
    Terms = "terms",
    /// (hash of a personal term, newest placed first, C, O) -> (). View.
    Blind = "blind",
);

impl Tab {
    pub(super) const COUNT: usize = Self::ALL.len();

    /// Tables whose values are sealed under an epoch key and sealed anew when keys are renewed.
    pub(super) const SEALED: [Self; 5] =
        [Self::Inbox, Self::Waiting, Self::Persons, Self::Tokens, Self::Actions];

    /// Tables that can be made anew from the others.
    pub(super) const VIEWS: [Self; 5] = [Self::Facets, Self::Counts, Self::Updated, Self::Terms, Self::Blind];

    pub(super) const fn definition(self) -> Definition {
        Definition::new(self.name())
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Tab::ALL.iter().map(|tab| tab.name()).collect();
        assert_eq!(names.len(), Tab::COUNT);
        assert!(Tab::ALL.iter().enumerate().all(|(n, tab)| tab.index() == n));
    }
}
