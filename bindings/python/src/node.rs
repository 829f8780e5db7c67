//! A module's own end of a network of messages: specification 27.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ixt_host::Policy;
use ixt_host::node::{NodeSettings, NodeStats};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::bytes::{BytesLike, copied};
use crate::error::Result;
use crate::number::Number;
use crate::text::Text;

/// What a turn gives: bytes for the module, messages to publish, what to listen to, when to take the next turn at
/// the latest, and whether there is more.
type Turn<'py> = (
    Option<Bound<'py, PyBytes>>,
    Option<Bound<'py, PyList>>,
    Option<Vec<(String, bool, bool)>>,
    Option<u64>,
    bool,
);

/// A node, without IO: what the module has written, messages that came and the time go in; bytes for the module,
/// messages to publish and subjects to listen to come out. After every input, take a `turn`.
///
/// The time is in microseconds since the Unix epoch. It may be used from any thread. No Python code runs while its
/// lock is held.
#[pyclass(frozen, module = "ixt_sdk.transport")]
pub(crate) struct Node {
    inner: Mutex<Inner>,
}

struct Inner {
    node: ixt_host::node::Node,
    /// What the module reads next; kept for its memory.
    out: Vec<u8>,
}

/// Bytes for the module that one turn gives at most.
const TURN: usize = 256 << 10;
/// Bytes of a buffer to begin with.
const FEW: usize = 16 << 10;

impl Node {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Inner> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Fills the buffer, behind what is in it, with what the module reads next; how much there is now.
    fn fill(&mut self, mut filled: usize) -> usize {
        let Self { node, out } = self;
        loop {
            if out.len() - filled < FEW {
                if out.len() == TURN {
                    return filled;
                }
                out.resize((out.len() * 2).clamp(FEW, TURN), 0);
            }
            match node.poll_local(out.get_mut(filled..).unwrap_or_default()) {
                0 => return filled,
                put => filled += put,
            }
        }
    }
}

#[pymethods]
impl Node {
    /// A node whose module has not spoken yet; `max_message` is what the server takes, in bytes. The server's
    /// permissions alone decide.
    #[new]
    #[pyo3(signature = (now_us, *, max_message=None))]
    fn new(py: Python<'_>, now_us: Number<u64>, max_message: Option<Number<usize>>) -> Result<Self> {
        let mut settings = NodeSettings::default();
        if let Some(Number(max_message)) = max_message {
            settings.max_message = max_message;
        }
        let node = ixt_host::node::Node::new(settings, Policy::open(), crate::random(py)?, now_us.0)?;
        Ok(Self { inner: Mutex::new(Inner { node, out: Vec::new() }) })
    }

    /// Takes all inputs and gives all outputs: `written` is what the module wrote, `messages` are those that came,
    /// each its subject and its payload, which is `None` where the server said that nobody listens.
    ///
    /// Messages to publish are subject, payload, and the subject for such an answer or an empty one; they are taken
    /// until they are `most` bytes or more. What to listen to is the subject, whether it is shared by a queue group,
    /// and whether it is wanted or given up.
    #[pyo3(signature = (now_us, written, messages, most, /))]
    fn turn<'py>(
        &self,
        py: Python<'py>,
        now_us: Number<u64>,
        written: Option<BytesLike<'py>>,
        messages: Vec<(Text<'py>, Option<BytesLike<'py>>)>,
        most: Number<usize>,
    ) -> Result<Turn<'py>> {
        let mut publishes = Vec::new();
        let (local, changes, timeout, more) = {
            let inner = &mut *self.lock(py);
            let node = &mut inner.node;
            if node.next_timeout().is_some_and(|at| at <= now_us.0) {
                node.handle_timeout(now_us.0);
            }
            if let Some(written) = &written {
                node.read_local(written.as_bytes(), now_us.0);
            }
            for (subject, payload) in &messages {
                match payload {
                    Some(payload) => node.receive(subject.as_str()?, payload.as_bytes(), now_us.0),
                    None => node.no_responders(subject.as_str()?, now_us.0),
                }
            }
            let mut changes = None;
            while let Some(change) = node.poll_subscription() {
                changes.get_or_insert_with(Vec::new).push((
                    change.subject,
                    change.is_shared,
                    change.is_wanted,
                ));
            }
            let (mut filled, mut bytes) = (0, 0);
            // What leaves on one side may make something for the other one.
            loop {
                let before = (filled, publishes.len());
                filled = inner.fill(filled);
                while bytes < most.0
                    && let Some(message) = inner.node.poll_publish()
                {
                    bytes += message.payload.len();
                    let payload = PyBytes::new(py, message.payload);
                    let text = |text| PyString::new(py, text);
                    publishes.push((text(message.subject), payload, text(message.reply.unwrap_or_default())));
                }
                if before == (filled, publishes.len()) {
                    break;
                }
            }
            let local = inner.out.get(..filled).filter(|data| !data.is_empty());
            let local = local.map(|data| copied(py, data)).transpose()?;
            let more = filled + FEW > TURN || (most.0 > 0 && bytes >= most.0);
            (local, changes, inner.node.next_timeout(), more)
        };
        let publishes = if publishes.is_empty() { None } else { Some(PyList::new(py, publishes)?) };
        Ok((local, publishes, changes, timeout, more))
    }

    /// The server has taken all that was to be listened to.
    fn subscribed(&self, py: Python<'_>) {
        self.lock(py).node.subscribed();
    }

    /// The server has refused something, in these words.
    #[pyo3(signature = (words, now_us, /))]
    fn server_error(&self, py: Python<'_>, words: Text<'_>, now_us: Number<u64>) -> Result<()> {
        self.lock(py).node.server_error(words.as_str()?, now_us.0);
        Ok(())
    }

    /// The module has closed its end; what turns give from now on tells the others.
    #[pyo3(signature = (now_us, /))]
    fn local_ended(&self, py: Python<'_>, now_us: Number<u64>) {
        self.lock(py).node.local_ended(now_us.0);
    }

    /// Whether the module's connection has ended: close its end once nothing is left to write.
    #[getter]
    fn has_ended(&self, py: Python<'_>) -> bool {
        self.lock(py).node.has_ended()
    }

    /// What it has seen, by name.
    #[getter]
    fn stats<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let NodeStats { peers, leaving, streams, gaps, lost, malformed, .. } = self.lock(py).node.stats();
        let dict = PyDict::new(py);
        for (name, count) in [("peers", peers), ("leaving", leaving), ("streams", streams)] {
            dict.set_item(name, count)?;
        }
        for (name, count) in [("gaps", gaps), ("lost", lost), ("malformed", malformed)] {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let stats = self.lock(py).node.stats();
        format!("<Node peers={} streams={}>", stats.peers, stats.streams)
    }

    fn __reduce_ex__(&self, _protocol: &Bound<'_, PyAny>) -> Result<()> {
        Err(PyTypeError::new_err("a node does not pickle").into())
    }
}
