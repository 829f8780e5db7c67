//! What the client of NATS tells a node.

use crate::ffi::Bytes;
use crate::frame::text;
use crate::guard::guard;
use crate::status::ixt_status_t;

use super::{command, ixt_node_t};

/// Takes in a message of a subscription. One that is none of this protocol, or of which the subject does not bear
/// out what it says, is counted and has no effect. Drain after it.
///
/// subject: `subject_length` bytes of UTF-8, borrowed for the call. payload: `payload_length` bytes, borrowed for the
/// call. now_us: the time.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_receive(
    node: Option<&mut ixt_node_t>,
    subject: Bytes,
    subject_length: usize,
    payload: Bytes,
    payload_length: usize,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        let subject = text(subject.get(subject_length)?, "subject")?;
        let payload = payload.get(payload_length)?;
        command(node, |this| {
            this.node.receive(subject, payload, now_us);
            Ok(())
        })
    })
}

/// Takes in a message of the server's with the status 503 and no payload: nobody listens to a message that this node
/// has sent. Drain after it.
///
/// subject: that of the message, which is the reply subject of the one that was sent; `length` bytes of UTF-8,
/// borrowed for the call. now_us: the time.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_no_responders(
    node: Option<&mut ixt_node_t>,
    subject: Bytes,
    length: usize,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        let subject = text(subject.get(length)?, "subject")?;
        command(node, |this| {
            this.node.no_responders(subject, now_us);
            Ok(())
        })
    })
}

/// Takes in an error that the server sent: what its permissions refuse fails as permissionDenied; any other has no
/// effect. Drain after it.
///
/// words: the server's own, such as `Permissions Violation for Publish to "x"`, with whatever the client has put
/// around them; `length` bytes of UTF-8, borrowed for the call. now_us: the time.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_server_error(
    node: Option<&mut ixt_node_t>,
    words: Bytes,
    length: usize,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        let words = text(words.get(length)?, "words")?;
        command(node, |this| {
            this.node.server_error(words, now_us);
            Ok(())
        })
    })
}

/// The server has taken all that ixt_node_poll_subscription() gave: it has answered what was sent behind them. Drain
/// after it.
///
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_subscribed(node: Option<&mut ixt_node_t>) -> ixt_status_t {
    guard(|| {
        command(node, |this| {
            this.node.subscribed();
            Ok(())
        })
    })
}
