//! The host itself, without IO: what tests of modules in other languages connect to.

use std::mem::MaybeUninit;

use ixt_core::{Error, ErrorKind};
use ixt_host::{Host, LinkId, Peer, Policy, Settings};

use crate::ffi::{Bytes, BytesOut};
use crate::frame::text;
use crate::guard::{guard, required};
use crate::status::ixt_status_t;

/// A host of modules without IO (specification 25): for tests of modules without a socket, and for hosts in
/// other languages. It takes what was read of each connection and the time, and fills buffers with what is to
/// be written to each. After every input, drain the outputs until there are none:
/// ixt_host_poll_writable(), ixt_host_poll_transmit().
///
/// Connections are named by a number that is never 0 and never used twice. Times are as for
/// ixt_connection_t.
///
/// Threads: a host may be used from any thread, one after the other; every function runs alone on it.
pub struct ixt_host_t {
    host: Host,
    /// Set while a command runs, so that it stays set where one panics.
    broken: bool,
}

fn command<T>(
    host: Option<&mut ixt_host_t>,
    run: impl FnOnce(&mut Host) -> Result<T, Error>,
) -> Result<T, Error> {
    let this = required(host)?;
    if std::mem::replace(&mut this.broken, true) {
        return Err(ErrorKind::Panic.into());
    }
    let result = run(&mut this.host);
    this.broken = false;
    result
}

/// Makes a host without connections.
///
/// policy: the text of a policy file in TOML, `policy_length` bytes, copied; none for the open policy, under
/// which every module may do everything. seed: 32 random bytes, copied: who knows them can guess the names of
/// endpoints. now_us: the time. host: written on success; ownership is transferred to the caller, who gives
/// it back to ixt_host_free().
/// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT for a policy that is not valid, IXT_ERR_BAD_TEXT,
/// IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_new(
    policy: Bytes,
    policy_length: usize,
    seed: Bytes,
    now_us: u64,
    host: Option<&mut MaybeUninit<Box<ixt_host_t>>>,
) -> ixt_status_t {
    guard(|| {
        let host = required(host)?;
        let policy = match text(policy.get(policy_length)?, "policy")? {
            "" => Policy::open(),
            toml => Policy::from_toml(toml)
                .map_err(|_| Error::new(ErrorKind::InvalidArgument).in_field("policy"))?,
        };
        let made = Host::new(Settings::default(), policy, *seed.id()?, now_us)?;
        host.write(Box::new(ixt_host_t { host: made, broken: false }));
        Ok(())
    })
}

/// Frees a host. Nothing is sent.
///
/// host: ownership is transferred back; NULL is allowed and does nothing.
/// Threads: nobody else may be using the host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_free(host: Option<Box<ixt_host_t>>) {
    guard(|| {
        drop(host);
        Ok(())
    });
}

/// A new connection. Drain after it.
///
/// uid: the user id of the process behind it, as the policy has it. now_us: the time. link: written on
/// success: its number.
/// Returns: IXT_OK, IXT_ERR_TOO_MANY_STREAMS where there are too many connections, IXT_ERR_NULL_POINTER,
/// IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_connect(
    host: Option<&mut ixt_host_t>,
    uid: u32,
    now_us: u64,
    link: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(link)?;
        let link = command(host, |host| {
            host.connect(Peer::with_uid(uid), now_us).ok_or(ErrorKind::TooManyStreams.into())
        })?;
        out.write(link.raw());
        Ok(())
    })
}

/// Takes in what was read of a connection. Drain after it.
///
/// link: its number; one that is unknown is no matter. bytes: `length` bytes, borrowed for the call. now_us:
/// the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_receive(
    host: Option<&mut ixt_host_t>,
    link: u64,
    bytes: Bytes,
    length: usize,
    now_us: u64,
) -> ixt_status_t {
    guard(|| {
        let read = bytes.get(length)?;
        command(host, |host| {
            host.receive(LinkId::from_raw(link), read, now_us);
            Ok(())
        })
    })
}

/// The next connection that has something to be written.
///
/// link: written on success: its number; 0 when there is none.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_poll_writable(
    host: Option<&mut ixt_host_t>,
    link: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let out = required(link)?;
        command(host, |host| {
            out.write(host.poll_writable().map_or(0, LinkId::raw));
            Ok(())
        })
    })
}

/// Fills a buffer with what is to be written to a connection. Call it until it gives nothing.
///
/// link: its number. out: room for `capacity` bytes. filled: written on success; 0 when there is nothing.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_poll_transmit(
    host: Option<&mut ixt_host_t>,
    link: u64,
    out: BytesOut,
    capacity: usize,
    filled: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let filled = required(filled)?;
        let out = out.get(capacity)?;
        command(host, |host| {
            filled.write(host.poll_transmit(LinkId::from_raw(link), out));
            Ok(())
        })
    })
}

/// The byte stream of a connection has ended: its module is gone, and its calls end. Drain after it.
///
/// link: its number; one that is unknown is no matter.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_transport_ended(host: Option<&mut ixt_host_t>, link: u64) -> ixt_status_t {
    guard(|| {
        command(host, |host| {
            host.transport_ended(LinkId::from_raw(link));
            Ok(())
        })
    })
}

/// Whether a connection has ended by itself. Once nothing is left to write to it, close its transport.
///
/// link: its number. ended: written on success; true for one that is unknown.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_has_ended(
    host: Option<&mut ixt_host_t>,
    link: u64,
    ended: Option<&mut MaybeUninit<bool>>,
) -> ixt_status_t {
    guard(|| {
        let ended = required(ended)?;
        command(host, |host| {
            ended.write(host.has_ended(LinkId::from_raw(link)));
            Ok(())
        })
    })
}

/// When ixt_host_handle_timeout() has something to do.
///
/// at_us: written on success: the time; 0 for never.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_next_timeout(
    host: Option<&mut ixt_host_t>,
    at_us: Option<&mut MaybeUninit<u64>>,
) -> ixt_status_t {
    guard(|| {
        let at_us = required(at_us)?;
        command(host, |host| {
            at_us.write(host.next_timeout().unwrap_or(0));
            Ok(())
        })
    })
}

/// Tells the time. Drain after it.
///
/// now_us: the time.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_handle_timeout(host: Option<&mut ixt_host_t>, now_us: u64) -> ixt_status_t {
    guard(|| {
        command(host, |host| {
            host.handle_timeout(now_us);
            Ok(())
        })
    })
}

/// Tells every module that the host goes away: nothing new is accepted, and what runs may finish until
/// `grace_ms` have passed. Drain after it.
///
/// message: UTF-8 for people, `message_length` bytes, copied.
/// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_go_away(
    host: Option<&mut ixt_host_t>,
    grace_ms: u32,
    message: Bytes,
    message_length: usize,
) -> ixt_status_t {
    guard(|| {
        let message = text(message.get(message_length)?, "message")?;
        command(host, |host| {
            host.go_away(grace_ms, message);
            Ok(())
        })
    })
}

/// Takes the next refusal, for the audit: one line of JSON without its end.
///
/// out: room for `capacity` bytes, of which 4096 are always enough; no NUL is added. written: written on
/// success: bytes; 0 when there is none. One for which there is no room is cut to nothing and lost.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_poll_refusal(
    host: Option<&mut ixt_host_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let written = required(written)?;
        let out = out.get(capacity)?;
        command(host, |host| {
            let line = host.poll_refusal().map(|refusal| refusal.to_json()).unwrap_or_default();
            written.write(line.len());
            let room = out.get_mut(..line.len()).ok_or(ErrorKind::BufferTooSmall)?;
            room.copy_from_slice(line.as_bytes());
            Ok(())
        })
    })
}

/// What a host has at one moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_host_counts_t {
    /// Connections.
    pub connections: usize,
    /// Modules that are announced.
    pub modules: usize,
    /// Streams that go through.
    pub streams: usize,
}

/// How many connections, modules and streams there are.
///
/// counts: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
/// Threads: runs alone on this host.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_counts(
    host: Option<&mut ixt_host_t>,
    counts: Option<&mut MaybeUninit<ixt_host_counts_t>>,
) -> ixt_status_t {
    guard(|| {
        let counts = required(counts)?;
        command(host, |host| {
            counts.write(ixt_host_counts_t {
                connections: host.connections(),
                modules: host.modules().len(),
                streams: host.streams().len(),
            });
            Ok(())
        })
    })
}
