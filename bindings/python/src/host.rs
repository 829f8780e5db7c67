//! A host in the process, for tests, and what a module and its host tell each other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt_core::stream::InteractionKind;
use ixt_host::{FromHost, LinkId, Peer, Policy, ServiceOffer, Settings, ToHost};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::bytes::BytesLike;
use crate::error::Result;
use crate::names::{Enumerant, to_python};
use crate::number::Number;
use crate::text::{Text, Texts};

/// A host without IO: connections, what was read of them and the time go in, bytes for each connection come
/// out. It may be used from any thread.
#[pyclass(frozen, module = "ixt_sdk.testing")]
pub(crate) struct HostEngine {
    inner: Mutex<Inner>,
}

struct Inner {
    host: ixt_host::Host,
    out: Vec<u8>,
}

impl HostEngine {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Inner> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl HostEngine {
    /// A host with a policy in TOML; without one every module may do everything.
    #[new]
    #[pyo3(signature = (now_us, policy=None))]
    fn new(py: Python<'_>, now_us: Number<u64>, policy: Option<Text<'_>>) -> Result<Self> {
        let policy = match policy {
            None => Policy::open(),
            Some(text) => {
                Policy::from_toml(text.as_str()?).map_err(|error| PyValueError::new_err(error.to_string()))?
            }
        };
        let host = ixt_host::Host::new(Settings::default(), policy, crate::random(py)?, now_us.0)?;
        Ok(Self { inner: Mutex::new(Inner { host, out: vec![0; 64 << 10] }) })
    }

    /// A new connection of a process of this user; `None` when there are too many.
    #[pyo3(signature = (now_us, uid=None))]
    fn connect(&self, py: Python<'_>, now_us: Number<u64>, uid: Option<Number<u32>>) -> Option<u64> {
        let peer = uid.map_or_else(Peer::default, |uid| Peer::with_uid(uid.0));
        self.lock(py).host.connect(peer, now_us.0).map(LinkId::raw)
    }

    /// Takes in what was read of a connection.
    #[pyo3(signature = (link, data, now_us, /))]
    fn receive(&self, py: Python<'_>, link: u64, data: BytesLike<'_>, now_us: Number<u64>) {
        self.lock(py).host.receive(LinkId::from_raw(link), data.as_bytes(), now_us.0);
    }

    /// The byte stream of a connection has ended.
    #[pyo3(signature = (link, /))]
    fn transport_ended(&self, py: Python<'_>, link: u64) {
        self.lock(py).host.transport_ended(LinkId::from_raw(link));
    }

    /// Tells the time and gives what is to be written, and to which connections.
    #[pyo3(signature = (now_us, /))]
    fn turn<'py>(&self, py: Python<'py>, now_us: Number<u64>) -> Result<Bound<'py, PyList>> {
        let mut found = Vec::new();
        {
            let Inner { host, out } = &mut *self.lock(py);
            if host.next_timeout().is_some_and(|at| at <= now_us.0) {
                host.handle_timeout(now_us.0);
            }
            while let Some(link) = host.poll_writable() {
                while let filled @ 1.. = host.poll_transmit(link, out) {
                    let bytes = PyBytes::new(py, out.get(..filled).unwrap_or_default());
                    found.push((link.raw(), bytes.unbind()));
                }
            }
        }
        Ok(PyList::new(py, found)?)
    }

    /// When to take the next turn at the latest, in microseconds since the Unix epoch.
    #[getter]
    fn next_timeout(&self, py: Python<'_>) -> Option<u64> {
        self.lock(py).host.next_timeout()
    }

    /// Whether a connection has ended by itself: close it once nothing is left to write.
    #[pyo3(signature = (link, /))]
    fn has_ended(&self, py: Python<'_>, link: u64) -> bool {
        self.lock(py).host.has_ended(LinkId::from_raw(link))
    }

    /// Tells every module that the host goes away.
    #[pyo3(signature = (grace_ms, now_us, message="", /))]
    fn go_away(&self, py: Python<'_>, grace_ms: Number<u32>, now_us: Number<u64>, message: &str) {
        let host = &mut self.lock(py).host;
        host.handle_timeout(now_us.0);
        host.go_away(grace_ms.0, message);
    }

    /// What was refused since the last time, one line of JSON each.
    fn take_refusals(&self, py: Python<'_>) -> Vec<String> {
        let mut inner = self.lock(py);
        std::iter::from_fn(|| inner.host.poll_refusal()).map(|refusal| refusal.to_json()).collect()
    }

    /// The names of the modules that are announced.
    fn modules(&self, py: Python<'_>) -> Vec<String> {
        self.lock(py).host.modules().into_iter().map(|module| module.name).collect()
    }

    /// The streams that go through, oldest first: caller, provider, target, kind.
    fn streams<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let streams = self.lock(py).host.streams();
        let list = PyList::empty(py);
        for stream in streams {
            let of = PyDict::new(py);
            let [caller, provider] = stream.modules;
            of.set_item("caller", caller)?;
            of.set_item("provider", provider)?;
            of.set_item("target", stream.target)?;
            of.set_item("kind", to_python(py, stream.kind)?)?;
            of.set_item("waiting", stream.waiting)?;
            of.set_item("passed", stream.passed)?;
            list.append(of)?;
        }
        Ok(list)
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> Result<()> {
        Err(PyTypeError::new_err("a host does not pickle").into())
    }
}

/// The message by which a module announces itself. A service is its name, its kinds and what it requires.
#[pyfunction]
#[pyo3(signature = (module, services, topics, token, /))]
pub(crate) fn announce<'py>(
    py: Python<'py>,
    module: Text<'_>,
    services: Vec<(Text<'_>, Vec<Enumerant<InteractionKind>>, Text<'_>)>,
    topics: Texts<'_>,
    token: BytesLike<'_>,
) -> Result<Bound<'py, PyBytes>> {
    let offer = |(name, kinds, requires): (Text<'_>, Vec<Enumerant<InteractionKind>>, Text<'_>)| {
        let kinds = kinds.into_iter().map(|kind| kind.0).collect();
        Ok(ServiceOffer { name: name.to_owned()?, kinds, requires: requires.to_owned()? })
    };
    let message = ToHost::Announce {
        module: module.to_owned()?,
        services: services.into_iter().map(offer).collect::<Result<_>>()?,
        topics: topics.iter().map(|topic| topic.map(str::to_owned)).collect::<Result<_>>()?,
        token: token.as_bytes().to_vec(),
    };
    Ok(PyBytes::new(py, &message.encode()))
}

/// The message by which a module asks for an endpoint.
#[pyfunction]
#[pyo3(signature = (number, /))]
pub(crate) fn open_endpoint(py: Python<'_>, number: Number<u64>) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &ToHost::OpenEndpoint(number.0).encode())
}

/// The message by which a module gives an endpoint back.
#[pyfunction]
#[pyo3(signature = (name, /))]
pub(crate) fn close_endpoint<'py>(py: Python<'py>, name: Text<'_>) -> Result<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &ToHost::CloseEndpoint(name.to_owned()?).encode()))
}

/// What a host says: `None` for accepted, else the number and the name of an endpoint.
#[pyfunction]
#[pyo3(signature = (message, /))]
pub(crate) fn from_host(message: BytesLike<'_>) -> Result<Option<(u64, String)>> {
    Ok(match FromHost::decode(message.as_bytes())? {
        FromHost::Accepted => None,
        FromHost::Endpoint { number, name } => Some((number, name)),
    })
}
