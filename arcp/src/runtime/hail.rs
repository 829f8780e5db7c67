//! What a connection said in its hello (ARCP §§6.2, 6.3).

use crate::dialect::Dialect;
use crate::features::Features;
use crate::token::TokenHash;

/// A hello whose token is being checked.
#[derive(Debug)]
pub(super) struct Hail {
    pub(super) request_id: Option<String>,
    /// What both can; `None` where a session that goes on keeps its own.
    pub(super) features: Option<Features>,
    pub(super) dialect: Dialect,
    pub(super) resume: Option<Back>,
}

/// What a client that comes back presented.
#[derive(Debug)]
pub(super) struct Back {
    pub(super) session_id: String,
    pub(super) token: TokenHash,
    pub(super) last: u64,
}
