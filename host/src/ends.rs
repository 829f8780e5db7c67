//! Names of connections and routes, and the two ends of a route.

/// Names a connection of a host, until it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(u64);

impl LinkId {
    /// Its number, for languages that carry the number; never used twice.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The connection with this number.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }
}

/// Names a route while it lives.
pub(crate) type RouteId = u64;

/// Which end of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Provider,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Provider,
            Self::Provider => Self::Caller,
        }
    }
}

/// One for each end of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Both<T> {
    pub(crate) caller: T,
    pub(crate) provider: T,
}

impl<T> Both<T> {
    pub(crate) fn of(&self, side: Side) -> &T {
        match side {
            Side::Caller => &self.caller,
            Side::Provider => &self.provider,
        }
    }

    pub(crate) fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Caller => &mut self.caller,
            Side::Provider => &mut self.provider,
        }
    }

    pub(crate) fn into_array(self) -> [T; 2] {
        [self.caller, self.provider]
    }
}
