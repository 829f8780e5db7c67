//! The settings of an end of a connection, as a plain struct.

use std::mem::MaybeUninit;
use std::ptr;

use ixt_core::Error;
use ixt_core::connection::Config;

use crate::frame::text;
use crate::guard::{guard, required};
use crate::span::ixt_slice_t;
use crate::status::ixt_status_t;

/// The settings of one end of a connection. ixt_connection_config_init() fills in the usual ones, which are
/// safe against a hostile peer; then change what has to be.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_connection_config_t {
    /// Bytes of one stream that may wait to be sent before its senders have to wait: 1 MiB.
    pub max_queued_stream: usize,
    /// Bytes of all streams that may wait to be sent: 16 MiB.
    pub max_queued: usize,
    /// A random number, which keeps a peer from choosing ids that collide; 0 is for tests.
    pub seed: u64,
    /// Told to the peer, for people; at most 128 bytes. Copied by ixt_connection_new().
    pub software: ixt_slice_t,
    /// The largest payload of a data frame, in bytes; the smaller one of the two ends' holds. 1 MiB; at most
    /// 256 MiB.
    pub max_payload: u32,
    /// How many streams the peer may have open at once: 10,000.
    pub max_streams: u32,
    /// Data frames that every opener may send at once, without a round trip: 64. At most the window.
    pub initial_credit: u32,
    /// Data frames that a stream's sender may be ahead of its reader: 64. 1 to 2^31 - 1.
    pub window: u32,
    /// Streams that the peer may open in a second: 200,000.
    pub max_opens: u32,
    /// Rules that the peer may break at once before the connection ends; one a second is forgiven. 100.
    pub max_violations: u32,
    /// Ids of ended streams that are remembered: 4,096.
    pub remembered: u32,
    /// Without a byte of the peer for so many milliseconds the connection ends; 0 means never. 60,000.
    pub idle_ms: u32,
    /// Without a byte of the peer for so many milliseconds a ping is sent; 0 means never. 15,000.
    pub keepalive_ms: u32,
}

/// Fills in the usual settings.
///
/// config: written on success.
/// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_connection_config_init(
    config: Option<&mut MaybeUninit<ixt_connection_config_t>>,
) -> ixt_status_t {
    guard(|| {
        let usual = Config::default();
        required(config)?.write(ixt_connection_config_t {
            max_queued_stream: usual.max_queued_stream,
            max_queued: usual.max_queued,
            seed: usual.seed,
            software: ixt_slice_t { data: ptr::null(), length: 0 },
            max_payload: usual.max_payload,
            max_streams: usual.max_streams,
            initial_credit: usual.initial_credit,
            window: usual.window,
            max_opens: usual.max_opens,
            max_violations: usual.max_violations,
            remembered: usual.remembered,
            idle_ms: usual.idle_ms,
            keepalive_ms: usual.keepalive_ms,
        });
        Ok(())
    })
}

/// The core's settings of the caller's; the usual ones of none.
pub(crate) fn of(given: Option<&ixt_connection_config_t>) -> Result<Config, Error> {
    let mut config = Config::default();
    if let Some(given) = given {
        config.max_queued_stream = given.max_queued_stream;
        config.max_queued = given.max_queued;
        config.seed = given.seed;
        config.software = text(given.software.get()?, "software")?.to_owned();
        config.max_payload = given.max_payload;
        config.max_streams = given.max_streams;
        config.initial_credit = given.initial_credit;
        config.window = given.window;
        config.max_opens = given.max_opens;
        config.max_violations = given.max_violations;
        config.remembered = given.remembered;
        config.idle_ms = given.idle_ms;
        config.keepalive_ms = given.keepalive_ms;
    }
    Ok(config)
}
