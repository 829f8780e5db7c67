//! The module's side of a node: its byte pipe.

use std::mem::MaybeUninit;

use crate::ffi::{Bytes, BytesOut};
use crate::guard::{guard, required};
use crate::status::ixt_status_t;

use super::{command, ixt_node_t};

/// Takes in what the module has written into its pipe: what its ixt_connection_t has to transmit. Drain after it.
///
/// bytes: `length` bytes, borrowed for the call. now_us: the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_read_local(
    node: Option<&mut ixt_node_t>,
    bytes: Bytes,
    length: usize,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        let read = bytes.get(length)?;
        command(node, |this| {
            this.node.read_local(read, now_us);
            Ok(())
        })
    })
}

/// Fills a buffer with what the module is to read from its pipe. Call it until it gives nothing. It gives nothing
/// while subscriptions are not confirmed by ixt_node_subscribed(): a module that is announced can be called.
///
/// out: room for `capacity` bytes. filled: written on success; 0 when there is nothing.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_poll_local(
    node: Option<&mut ixt_node_t>,
    out: BytesOut,
    capacity: usize,
    filled: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let filled = required(filled)?;
        let out = out.get(capacity)?;
        command(node, |this| {
            filled.write(this.node.poll_local(out));
            Ok(())
        })
    })
}

/// The module's pipe has ended. What still leaves tells the others: drain, and then close the client.
///
/// now_us: the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_local_ended(node: Option<&mut ixt_node_t>, now_us: u64) -> ixt_status_t {
    guard(|| {
        command(node, |this| {
            this.node.local_ended(now_us);
            Ok(())
        })
    })
}

/// Whether the module's connection has ended by itself. Once nothing is left for the module to read, end its pipe.
///
/// ended: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_has_ended(
    node: Option<&mut ixt_node_t>,
    ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let ended = required(ended)?;
        command(node, |this| {
            ended.write(this.node.has_ended());
            Ok(())
        })
    })
}
