//! What a module and its host tell each other, to bytes and back.

use std::mem::MaybeUninit;

use ixt_core::stream::InteractionKind;
use ixt_core::{Error, ErrorKind};
use ixt_host::{FromHost, ServiceOffer, ToHost};

use crate::error::ixt_error_t;
use crate::ffi::{Bytes, BytesOut};
use crate::frame::text;
use crate::guard::{guard, guard_with, required};
use crate::span::ixt_slice_t;
use crate::status::ixt_status_t;

/// A service that a module provides.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_service_offer_t {
    /// `[a-z0-9][a-z0-9_.-]{0,127}`.
    pub name: ixt_slice_t,
    /// The capability that a caller needs; empty for none.
    pub requires: ixt_slice_t,
    /// The interactions that it answers: bit 1 << IXT_INTERACTION_UNARY, and so on; 0 for all.
    pub interactions: u32,
}

/// Who a module is and what it provides. All of it is borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_announce_t {
    /// The module's name: `[a-z0-9][a-z0-9_.-]{0,127}`.
    pub module: ixt_slice_t,
    /// Proves the name, where the host's policy demands it; may be empty.
    pub token: ixt_slice_t,
    /// `service_count` of them; may be NULL where there are none.
    pub services: *const ixt_service_offer_t,
    /// How many services.
    pub service_count: usize,
    /// Broadcasts that it wants: `topic_count` texts; may be NULL where there are none.
    pub topics: *const ixt_slice_t,
    /// How many topics.
    pub topic_count: usize,
}

/// The values of `kind` in ixt_host_answer_t.
#[repr(C)]
pub enum ixt_host_answer_kind {
    /// The module is announced. A refusal fails the stream instead.
    IXT_HOST_ACCEPTED = 1,
    /// An endpoint that was asked for: number, name_length.
    IXT_HOST_ENDPOINT = 2,
}

/// What a host tells a module.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ixt_host_answer_t {
    /// Of an endpoint: the number that the module gave.
    pub number: u64,
    /// Of an endpoint: bytes of its name.
    pub name_length: usize,
    /// One of ixt_host_answer_kind.
    pub kind: u16,
}

fn put(
    message: &ToHost,
    out: BytesOut,
    capacity: usize,
    written: &mut MaybeUninit<usize>,
) -> Result<(), Error> {
    let bytes = message.encode();
    written.write(bytes.len());
    let room = out.get(capacity)?.get_mut(..bytes.len()).ok_or(ErrorKind::BufferTooSmall)?;
    room.copy_from_slice(&bytes);
    Ok(())
}

/// Encodes the first message of a module to its host, which it sends on a bidi stream to the service
/// "ixt.host". The stream stays open as long as the module lives.
///
/// announce: borrowed for the call. out: room for `capacity` bytes. written: the bytes written, on success;
/// the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_BAD_TEXT, IXT_ERR_INVALID_ARGUMENT for a bit of no
/// interaction, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_announce_encode(
    announce: Option<&ixt_announce_t>,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<ixt_error_t>>,
) -> ixt_status_t {
    guard_with(error, || {
        let (announce, written) = (required(announce)?, required(written)?);
        let own = |slice: &ixt_slice_t, field| Ok::<_, Error>(text(slice.get()?, field)?.to_owned());
        let mut services = Vec::new();
        for offer in ixt_slice_t::array(announce.services, announce.service_count)? {
            let kinds = InteractionKind::ALL.iter().copied();
            let bit = |kind: &InteractionKind| 1u32 << kind.raw();
            let known = InteractionKind::ALL.iter().map(bit).fold(0, |all, bit| all | bit);
            if offer.interactions & !known != 0 {
                return Err(Error::new(ErrorKind::InvalidArgument).in_field("services.interactions"));
            }
            services.push(ServiceOffer {
                name: own(&offer.name, "services.name")?,
                kinds: kinds.filter(|kind| offer.interactions & bit(kind) != 0).collect(),
                requires: own(&offer.requires, "services.requires")?,
            });
        }
        let topics = ixt_slice_t::array(announce.topics, announce.topic_count)?;
        let message = ToHost::Announce {
            module: own(&announce.module, "module")?,
            services,
            topics: topics.iter().map(|topic| own(topic, "topics")).collect::<Result<_, _>>()?,
            token: announce.token.get()?.to_vec(),
        };
        put(&message, out, capacity, written)
    })
}

/// Encodes the wish for an endpoint; the answer gives the number back, with the endpoint's name.
///
/// number: the module's own. out, capacity, written: as for ixt_host_announce_encode(); 64 bytes are enough.
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_open_endpoint_encode(
    number: u64,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| put(&ToHost::OpenEndpoint(number), out, capacity, required(written)?))
}

/// Encodes that an endpoint is given up.
///
/// name: the endpoint's, `length` bytes, borrowed for the call. out, capacity, written: as for
/// ixt_host_announce_encode().
/// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_close_endpoint_encode(
    name: Bytes,
    length: usize,
    out: BytesOut,
    capacity: usize,
    written: Option<&mut MaybeUninit<usize>>,
) -> ixt_status_t {
    guard(|| {
        let name = text(name.get(length)?, "name")?.to_owned();
        put(&ToHost::CloseEndpoint(name), out, capacity, required(written)?)
    })
}

/// Decodes what the host said on the stream of the announcement.
///
/// bytes: `length` bytes, borrowed for the call. answer: written on success. name: room for `capacity` bytes,
/// in which the name of an endpoint is written on success; no NUL is added; may be NULL when `capacity` is 0.
/// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL for a name without room, when `*answer` is written too;
/// IXT_ERR_BAD_POINTER, IXT_ERR_BAD_TEXT, IXT_ERR_MESSAGE_TOO_LARGE; IXT_ERR_INVALID_ARGUMENT for a message
/// of a later version; IXT_ERR_NULL_POINTER.
/// Threads: may be called at any time from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ixt_host_answer_decode(
    bytes: Bytes,
    length: usize,
    answer: Option<&mut MaybeUninit<ixt_host_answer_t>>,
    name: BytesOut,
    capacity: usize,
) -> ixt_status_t {
    guard(|| {
        let out = required(answer)?;
        let room = name.get(capacity)?;
        match FromHost::decode(bytes.get(length)?)? {
            FromHost::Accepted => {
                let kind = ixt_host_answer_kind::IXT_HOST_ACCEPTED as u16;
                out.write(ixt_host_answer_t { number: 0, name_length: 0, kind });
            }
            FromHost::Endpoint { number, name } => {
                let kind = ixt_host_answer_kind::IXT_HOST_ENDPOINT as u16;
                out.write(ixt_host_answer_t { number, name_length: name.len(), kind });
                let room = room.get_mut(..name.len()).ok_or(ErrorKind::BufferTooSmall)?;
                room.copy_from_slice(name.as_bytes());
            }
        }
        Ok(())
    })
}
