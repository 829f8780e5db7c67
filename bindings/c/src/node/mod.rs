//! A module's own end of a network of messages (specification 27): what a client of NATS carries in the place of a
//! connection to a host.

mod local;
mod messages;
mod output;

use std::mem::MaybeUninit;

use ixt_core::{Error, ErrorKind};
use ixt_host::Policy;
use ixt_host::node::{Node, NodeSettings, Subscription};

use crate::error::ixt_error_t;
use crate::ffi::Bytes;
use crate::frame::text;
use crate::guard::{guard, guard_with, required};
use crate::status::ixt_status_t;

pub use local::*;
pub use messages::*;
pub use output::*;

/// What stands between a module's connection and a client of NATS, within the module's process: to the module it is
/// its host. On one side there is the module's byte pipe: ixt_node_read_local() takes what ixt_connection_t has to
/// transmit, ixt_node_poll_local() gives what it is to receive. On the other side there are messages with subjects,
/// which the client carries: ixt_node_receive() takes those that came, ixt_node_poll_publish() gives those that
/// leave, and ixt_node_poll_subscription() what to subscribe to. The client must not be sent its own messages (its
/// option `no_echo`), and must be told when nobody listens to one (`no_responders`).
///
/// It never waits, reads a clock, calls back, or keeps a pointer of the caller's. After every input, drain the
/// outputs until there are none: subscriptions, messages, the module's pipe; ixt_node_drain() does it in one call.
/// Times are as for ixt_connection_t.
///
/// Threads: a node may be used from any thread, one after the other; every function runs alone on it.
pub struct ixt_node_t {
    node: Node,
    /// A subscription that was looked at, and not given yet.
    next: Option<Subscription>,
    /// The subscription that was given last, which the caller borrows.
    given: Option<Subscription>,
    /// What one message needs at most in the buffer of ixt_node_drain().
    room: usize,
    /// Set while a command runs, so that it stays set where one panics.
    broken: bool,
}

/// Runs a command. One that panics leaves the node broken, and no further one runs.
fn command<T>(
    node: Option<&mut ixt_node_t>,
    run: impl FnOnce(&mut ixt_node_t) -> Result<T, Error>,
) -> Result<T, Error> {
    let this = required(node)?;
    if std::mem::replace(&mut this.broken, true) {
        return Err(ErrorKind::Panic.into());
    }
    let result = run(this);
    this.broken = false;
    result
}

/// The settings of a node. ixt_node_config_init() fills in the usual ones.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_config_t {
    /// The largest message that the server takes, in bytes: `max_payload` of its greeting. 1 MiB; less than 64 KiB
    /// is taken as 64 KiB.
    pub max_message: usize,
    /// Other nodes at once: 10,000.
    pub max_peers: usize,
    /// When nothing came from another node for so many milliseconds, while a stream with it lives, it is asked for
    /// the number of its last message: 1,000.
    pub keepalive_ms: u32,
    /// When nothing came from it for so many milliseconds, its streams end as unavailable: 5,000.
    pub lease_ms: u32,
    /// For so many milliseconds an open waits for somebody to take it, before it fails as unavailable: 5,000.
    pub patience_ms: u32,
    /// After so many milliseconds at the latest a caller is told that its open was taken: 20.
    pub taken_ms: u32,
    /// After so many milliseconds without a stream another node is forgotten: 60,000.
    pub idle_ms: u32,
}

/// Fills in the usual settings.
///
/// config: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_config_init(config: Option<&mut MaybeUninit<ixt_node_config_t>>) -> ixt_status_t {
    guard(|| {
        let usual = NodeSettings::default();
        required(config)?.write(ixt_node_config_t {
            max_message: usual.max_message,
            max_peers: usual.max_peers,
            keepalive_ms: usual.keepalive_ms,
            lease_ms: usual.lease_ms,
            patience_ms: usual.patience_ms,
            taken_ms: usual.taken_ms,
            idle_ms: usual.idle_ms,
        });
        Ok(())
    })
}

/// Makes a node whose module has not spoken yet.
///
/// config: NULL for the usual one; copied. policy: the text of a policy file in TOML, `policy_length` bytes, copied:
/// what this module may do, and what others may claim to it; none for the open policy, where the server's
/// permissions decide alone. seed: 32 random bytes, copied, which nobody else may know. now_us: the time. node:
/// written on success; ownership is transferred to the caller, who gives it back to ixt_node_free(). error: NULL, or
/// written on failure.
/// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT with the setting as the field, or `policy` for one that is not valid,
/// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_new(
    config: Option<&ixt_node_config_t>,
    policy: Bytes,
    policy_length: usize,
    seed: Bytes,
    now_us: u64,
    node: Option<&mut MaybeUninit<Box<ixt_node_t>>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let node = required(node)?;
        let policy = match text(policy.get(policy_length)?, "policy")? {
            "" => Policy::open(),
            toml => Policy::from_toml(toml)
                .map_err(|_| Error::new(ErrorKind::InvalidArgument).in_field("policy"))?,
        };
        let settings = settings(config)?;
        let room = settings.max_message + IXT_NODE_OVERHEAD;
        let made = Node::new(settings, policy, *seed.id()?, now_us)?;
        node.write(Box::new(ixt_node_t { node: made, next: None, given: None, room, broken: false }));
        Ok(())
    })
}

fn settings(given: Option<&ixt_node_config_t>) -> Result<NodeSettings, Error> {
    let mut settings = NodeSettings::default();
    if let Some(given) = given {
        settings.max_message = given.max_message;
        settings.max_peers = given.max_peers;
        settings.keepalive_ms = given.keepalive_ms;
        settings.lease_ms = given.lease_ms;
        settings.patience_ms = given.patience_ms;
        settings.taken_ms = given.taken_ms;
        settings.idle_ms = given.idle_ms;
    }
    settings.max_message = settings.max_message.max(MIN_MESSAGE);
    if settings.max_message > MAX_MESSAGE {
        return Err(Error::new(ErrorKind::InvalidArgument).in_field("max_message"));
    }
    Ok(settings)
}

/// As small as a node takes it.
const MIN_MESSAGE: usize = 64 << 10;
/// More no server takes; and places in a buffer are told in 32 bits.
const MAX_MESSAGE: usize = 256 << 20;

/// Frees a node. Nothing is told to others: see ixt_node_local_ended().
///
/// node: ownership is transferred back; NULL is allowed and does nothing.
/// Threads: nobody else may be using the node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_free(node: Option<Box<ixt_node_t>>) {
    guard(|| {
        drop(node);
        Ok(())
    });
}

/// When ixt_node_handle_timeout() has something to do.
///
/// at_us: written on success: the time; 0 for never.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_next_timeout(
    node: Option<&mut ixt_node_t>,
    at_us: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let at_us = required(at_us)?;
        command(node, |this| {
            at_us.write(this.node.next_timeout().unwrap_or(0));
            Ok(())
        })
    })
}

/// Tells the time: others that are silent, opens that nobody takes, deadlines. Drain after it.
///
/// now_us: the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_handle_timeout(node: Option<&mut ixt_node_t>, now_us: u64) -> ixt_status_t {
    guard(|| {
        command(node, |this| {
            this.node.handle_timeout(now_us);
            Ok(())
        })
    })
}

/// What a node has seen, for metrics.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_node_stats_t {
    /// Other nodes with which there are pipes.
    pub peers: u64,
    /// Streams of the module that nobody has taken yet.
    pub leaving: u64,
    /// Streams that live.
    pub streams: u64,
    /// Messages that were missing or came twice, each the end of a pipe.
    pub gaps: u64,
    /// Nodes that were silent for too long, or of which the server said that nobody is there.
    pub lost: u64,
    /// Messages that were none, or did not come by the subject of what they want.
    pub malformed: u64,
}

/// What a node has seen.
///
/// stats: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this node.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_node_stats(
    node: Option<&mut ixt_node_t>,
    stats: Option<&mut MaybeUninit<ixt_node_stats_t>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(stats)?;
        command(node, |this| {
            let stats = this.node.stats();
            out.write(ixt_node_stats_t {
                peers: stats.peers as u64,
                leaving: stats.leaving as u64,
                streams: stats.streams as u64,
                gaps: stats.gaps,
                lost: stats.lost,
                malformed: stats.malformed,
            });
            Ok(())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Result<ixt_node_t, Error> {
        let node = Node::new(settings(None)?, Policy::open(), [1; 32], 0)?;
        Ok(ixt_node_t { node, next: None, given: None, room: 0, broken: false })
    }

    /// What the header promises: from any thread.
    #[test]
    fn a_node_may_move_between_threads() {
        fn holds<T: Send>() {}
        holds::<ixt_node_t>();
    }

    #[test]
    fn a_command_that_panicked_leaves_the_node_broken() -> Result<(), Error> {
        let mut node = made()?;
        let status = guard(|| command(Some(&mut node), |_| -> Result<(), Error> { panic!("planted") }));
        assert_eq!(status, ErrorKind::Panic.code());
        assert_eq!(ixt_node_handle_timeout(Some(&mut node), 1), ErrorKind::Panic.code());
        Ok(())
    }
}
