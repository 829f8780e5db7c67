//! Python objects that are made when they are first asked for.

use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::error::Result;

/// An object that is made once, and then always the same.
///
/// pyo3's `PyOnceLock` lets the interpreter go whenever it makes something, since it runs the making
/// under its lock; that takes longer than to make what is made here. So the making runs outside of the
/// lock: two threads may both make one, and the one that is first stays.
pub(crate) struct Once<T>(OnceLock<Py<T>>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// One that is there already.
    pub(crate) fn of(made: Py<T>) -> Self {
        Self(made.into())
    }

    #[inline]
    pub(crate) fn get(&self, py: Python<'_>, make: impl FnOnce() -> Result<Py<T>>) -> Result<Py<T>> {
        Ok(self.get_ref(make)?.clone_ref(py))
    }

    #[inline]
    pub(crate) fn get_ref(&self, make: impl FnOnce() -> Result<Py<T>>) -> Result<&Py<T>> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let made = make()?;
        // No Python code runs in here, so nobody waits for the interpreter while others wait for this.
        Ok(self.0.get_or_init(|| made))
    }
}
