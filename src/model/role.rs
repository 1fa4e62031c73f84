//! What a user or an API key may do.

use super::status::closed_words;

closed_words!(
    /// Each role may do what the earlier ones may.
    Role {
        /// Reads.
        Viewer = "viewer",
        /// Also acts on orders and syncs.
        Operator = "operator",
        /// Also manages keys and connections.
        Admin = "admin",
    }
);
