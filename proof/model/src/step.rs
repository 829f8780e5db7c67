//! What may happen next.

use crate::Side;

/// One thing that an application, a host or a pipe does. All but the open, which is where a world begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The first frame on the way to this end arrives.
    Deliver(Side),
    /// The host hands the first message that it kept back to the transport.
    Flush(Side),
    /// A send that does not wait.
    Send(Side),
    /// A wait for one credit.
    Wait(Side),
    /// A send with the ticket at this place among those that the application has.
    SendWith(Side, usize),
    /// That ticket is given up.
    Drop(Side, usize),
    /// One frame more is granted by hand.
    Grant(Side),
    /// One message was consumed; the window grants.
    Consume(Side),
    /// This end's direction is closed.
    Close(Side),
    /// The application cancels.
    Cancel(Side),
    /// The application fails the stream.
    Fail(Side),
    /// The deadline passes at this end.
    Timeout(Side),
}
