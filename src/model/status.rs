//! The two axes of an order's state. They are independent: a cancelled order can be paid.

macro_rules! closed_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of this word, `None` when there is no such value.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use closed_words;

closed_words!(
    /// Where the goods are.
    OrderStatus {
        /// Not yet certain: unpaid, on hold, not acknowledged.
        Pending = "pending",
        /// The merchant owes at least one unit.
        Accepted = "accepted",
        /// Every unit that is to be shipped is.
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
    }
);

closed_words!(
    /// Where the money is.
    PaymentStatus {
        Pending = "pending",
        Paid = "paid",
        PartiallyRefunded = "partially_refunded",
        Refunded = "refunded",
    }
);
