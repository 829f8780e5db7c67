//! Where an ARCP runtime keeps what must survive it.

use std::io;
use std::path::PathBuf;

use ixt_arcp::runtime::{Batch, Load, Snapshot};
use ixt_arcp_store::{Durability, Memory, Queue, Reply, Sqlite, StoreError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// A store and the work that waits for it. A thread of its own calls `run` until that gives `False`; the runtime
/// whose store it is puts work in and takes the replies, and waits for nothing.
#[pyclass(frozen, module = "ixt_sdk.arcp")]
pub(crate) struct ArcpStore {
    queue: Queue,
}

impl ArcpStore {
    /// Adds work, behind all that came before; nothing is taken once the store is closed or has failed.
    pub(crate) fn put(
        &self,
        batches: impl IntoIterator<Item = Batch>,
        loads: impl IntoIterator<Item = Load>,
    ) {
        self.queue.put(batches, loads);
    }

    /// Takes what came of it.
    pub(crate) fn replies(&self) -> Vec<Reply> {
        self.queue.replies()
    }

    /// What a runtime begins with. It waits for a disk: release the interpreter.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.queue.snapshot()
    }
}

#[pymethods]
impl ArcpStore {
    /// A store that ends with its process.
    #[staticmethod]
    fn memory() -> Self {
        Self { queue: Queue::new(Memory::default()) }
    }

    /// A store in a file, which is made where there is none. With `"full"` nothing that was reported is lost when the
    /// power fails; with `"normal"` the last of it may be. `OSError` where it cannot be opened.
    #[staticmethod]
    #[pyo3(signature = (path, durability="full"))]
    fn sqlite(py: Python<'_>, path: PathBuf, durability: &str) -> PyResult<Self> {
        let durability = match durability {
            "full" => Durability::Full,
            "normal" => Durability::Normal,
            _ => return Err(PyValueError::new_err("durability: neither 'full' nor 'normal'")),
        };
        let store = py.detach(|| Sqlite::open(path, durability)).map_err(|error| failure(&error))?;
        Ok(Self { queue: Queue::new(store) })
    }

    /// Waits for work and does all that waits, with the interpreter released: `True` when it has, and there is
    /// something for the runtime; `False` at the end, when the file can be opened again.
    fn run(&self, py: Python<'_>) -> bool {
        py.detach(|| self.queue.run())
    }

    /// Takes nothing more; what waits is still done by `run`.
    fn close(&self) {
        self.queue.close();
    }
}

/// What is wrong with a store, as an exception. The system's own errors keep their number, and so their class.
pub(crate) fn failure(error: &StoreError) -> PyErr {
    match error {
        StoreError::Io { path, source } => match source.raw_os_error() {
            Some(number) => {
                // Rust puts the number behind the words, and Python before them.
                let says = io::Error::from_raw_os_error(number).to_string();
                let words = says.split(" (os error").next().unwrap_or_default().to_owned();
                PyOSError::new_err((number, words, path.clone().into_os_string()))
            }
            None => PyOSError::new_err(error.to_string()),
        },
        other => PyOSError::new_err(other.to_string()),
    }
}
