//! Calls of Python code, at the interpreter's end too.
//!
//! Up to CPython 3.13 the interpreter ends daemon threads by `pthread_exit` where they would take its lock
//! again ([python/cpython#87135](https://github.com/python/cpython/issues/87135)), and Python code does so
//! at any moment. That unwinds the thread, which aborts the process at the first Rust frame that is not
//! made for it. So every call of Python code from here goes through [`call`], whose frame is: it keeps the
//! thread for good, as CPython 3.14 does by itself, and as PyO3 does where Rust code takes the lock.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Calls `callable` with these arguments.
#[inline]
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let arguments = arguments.into_pyobject(py).map_err(Into::into)?;
    #[cfg(unix)]
    {
        let result = unix::call(callable.as_ptr(), arguments.as_ptr());
        // SAFETY: a new reference, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, result) }
    }
    // Windows ends such a thread without unwinding it.
    #[cfg(not(unix))]
    callable.call1(arguments)
}

#[cfg(unix)]
mod unix {
    use pyo3::ffi::PyObject;

    unsafe extern "C-unwind" {
        // As PyO3 declares it, but for the unwinding.
        fn PyObject_CallObject(callable: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject;
    }

    /// Keeps the thread for ever when it is unwound. It does not hold the interpreter then.
    struct Stay;

    impl Drop for Stay {
        fn drop(&mut self) {
            loop {
                std::thread::park();
            }
        }
    }

    /// The one frame that is unwound, and not to its end: nothing that a caller has on its stack goes away.
    #[inline(never)]
    pub(super) fn call(callable: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
        let stay = Stay;
        // SAFETY: both are borrowed from `Bound`s of the caller, so they live and the interpreter is held;
        // the arguments are a tuple.
        let result = unsafe { PyObject_CallObject(callable, arguments) };
        std::mem::forget(stay);
        result
    }
}
