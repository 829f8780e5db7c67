//! The native module of the Python package `ixt_sdk`: values, codecs and the engine of `ixt-core`.
//!
//! It decides nothing: each class holds a value of the core or hands on to one. The public modules of
//! the package, which give all of this its names, are in `python/ixt_sdk`.
//!
//! Four rules keep it fast, free of deadlocks and whole at the interpreter's end. Input is borrowed from `bytes` and copied from
//! every other buffer, so that nobody can change what is being read. No Python code runs while an
//! engine's lock is held. The interpreter is released for large copies alone, because releasing it
//! takes longer than coding a small frame. Python code is called through `call` alone.

mod actor;
mod arcp;
mod batch;
mod bytes;
mod call;
mod connection;
mod context;
mod error;
mod frame;
mod hash;
mod host;
mod id;
mod message;
mod names;
mod node;
mod number;
mod once;
mod outcome;
mod payload;
mod repr;
mod stream;
mod subject;
mod text;
mod told;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

/// So many random bytes of the operating system, not all zeros: drawn in each process anew, so that a fork
/// repeats none.
fn random<const N: usize>(py: Python<'_>) -> PyResult<[u8; N]> {
    static URANDOM: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let urandom = URANDOM.import(py, "os", "urandom")?;
    loop {
        let drawn = call::call(urandom, (N,))?.cast_into::<PyBytes>()?;
        if let Ok(bytes) = <[u8; N]>::try_from(drawn.as_bytes())
            && bytes.iter().any(|byte| *byte != 0)
        {
            return Ok(bytes);
        }
    }
}

/// What `ixt_sdk` is made of. Not public: import from `ixt_sdk`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::actor::{ActorIdentity, TokenRef};
    #[pymodule_export]
    use crate::arcp::client::Client as ArcpClient;
    #[pymodule_export]
    use crate::arcp::json::{arcp_dumps, arcp_loads};
    #[pymodule_export]
    use crate::arcp::lease::{
        arcp_agent_ref, arcp_amount, arcp_constraints_check, arcp_lease_budget, arcp_lease_check,
        arcp_lease_lasts, arcp_lease_subset, arcp_time,
    };
    #[pymodule_export]
    use crate::arcp::runtime::Runtime as ArcpRuntime;
    #[pymodule_export]
    use crate::arcp::socket::{Socket as ArcpSocket, arcp_is_known_host};
    #[pymodule_export]
    use crate::arcp::store::ArcpStore;
    #[pymodule_export]
    use crate::batch::{decode_batch, encode_batch, split};
    #[pymodule_export]
    use crate::connection::Connection;
    #[pymodule_export]
    use crate::context::{
        InvocationContext, actor_of, attenuates, covers, from_traceparent, invocation, is_concrete,
        is_ingress_key, is_pattern,
    };
    #[pymodule_export]
    use crate::frame::{
        StreamCancel, StreamClose, StreamCredit, StreamData, StreamError, StreamFrame, StreamOpen,
        UnknownFrame, unknown_frame,
    };
    #[pymodule_export]
    use crate::host::{HostEngine, announce, close_endpoint, from_host, open_endpoint};
    #[pymodule_export]
    use crate::id::StreamId;
    #[pymodule_export]
    use crate::node::Node;
    #[pymodule_export]
    use crate::payload::HandlePayload;
    #[pymodule_export]
    use crate::stream::Stream;
    #[pymodule_export]
    use crate::subject::{
        BroadcastTarget, DynamicEndpointTarget, ExternalSubject, ModuleSubject, ModuleTarget,
        OperatorSubject, ReplyTarget, ServiceTarget, SystemSubject, UnknownSubject, UnknownTarget,
    };

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let kinds: Vec<_> =
            ixt_core::ErrorKind::ALL.iter().map(|kind| (kind.name(), kind.code(), kind.says())).collect();
        module.add("ERROR_KINDS", kinds)?;
        for (number, name) in crate::told::NAMES.iter().enumerate() {
            module.add(*name, number)?;
        }
        for names in [&crate::arcp::client::NAMES[..], &crate::arcp::runtime::NAMES[..]] {
            for (number, name) in names.iter().enumerate() {
                module.add(*name, number)?;
            }
        }
        module.add("MAX_PAYLOAD", ixt_core::wire::MAX_PAYLOAD)?;
        module.add("MAX_CONTEXT", ixt_core::wire::MAX_CONTEXT)?;
        module.add("MAX_CREDIT", ixt_core::wire::MAX_CREDIT)?;
        use ixt_core::invocation::metadata::keys;
        let keys = [
            ("TENANT", keys::TENANT),
            ("AUTH_STRENGTH", keys::AUTH_STRENGTH),
            ("INGRESS_KIND", keys::INGRESS_KIND),
            ("INGRESS_SOURCE_IP", keys::INGRESS_SOURCE_IP),
            ("TRACESTATE", keys::TRACESTATE),
            ("BAGGAGE", keys::BAGGAGE),
            ("RESERVED_PREFIX", keys::RESERVED_PREFIX),
            ("INGRESS_PREFIX", keys::INGRESS_PREFIX),
        ];
        module.add("METADATA_KEYS", keys.to_vec())
    }
}
