//! Enumerations: a `StrEnum` of `ixt_sdk.streaming` where the name is known, else the number.

use ixt_core::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyString, PyType};

use crate::call::call;
use crate::error::{Result, invalid};
use crate::number::Number;
use crate::text::as_str;

/// The members of a Python enumeration, in the order that the core has.
type Members = PyOnceLock<Vec<Py<PyAny>>>;

/// An enumeration of the schema.
pub(crate) trait Enumeration: Copy + 'static {
    /// The name of the class, and of the argument in errors.
    const CLASS: &'static str;
    const FIELD: &'static str;

    fn known() -> &'static [Self];
    fn number(self) -> u16;
    fn of_number(number: u16) -> Self;
    fn of_name(name: &str) -> Option<Self>;
    fn name_of(self) -> Option<&'static str>;
    fn members() -> &'static Members;
}

macro_rules! enumerations {
    ($($name:ident $field:literal;)+) => {$(
        impl Enumeration for $name {
            const CLASS: &'static str = stringify!($name);
            const FIELD: &'static str = $field;

            fn known() -> &'static [Self] { Self::ALL }
            fn number(self) -> u16 { self.raw() }
            fn of_number(number: u16) -> Self { Self::from_raw(number) }
            fn of_name(name: &str) -> Option<Self> { Self::from_name(name) }
            fn name_of(self) -> Option<&'static str> { self.name() }
            fn members() -> &'static Members {
                static MEMBERS: Members = PyOnceLock::new();
                &MEMBERS
            }
        }
    )+};
}

enumerations! {
    InteractionKind "interaction";
    CloseReason "reason";
    CancelReason "reason";
    StreamErrorCode "code";
}

/// An enumerant as an argument: a member, its name, or a number of 16 bits.
#[derive(Clone, Copy)]
pub(crate) struct Enumerant<E>(pub(crate) E);

impl<'a, 'py, E: Enumeration> FromPyObject<'a, 'py> for Enumerant<E> {
    type Error = PyErr;

    #[inline]
    fn extract(obj: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(name) = obj.cast::<PyString>() {
            let known = E::of_name(as_str(&name)?);
            return Ok(Self(known.ok_or_else(|| invalid(E::FIELD))?));
        }
        if obj.is_instance_of::<PyInt>() {
            let number: Number<u16> = obj.extract()?;
            return Ok(Self(E::of_number(number.0)));
        }
        Err(PyTypeError::new_err(format!("expected {} or int", E::CLASS)))
    }
}

/// The member, or the number that has no name.
#[inline]
pub(crate) fn to_python<E: Enumeration>(py: Python<'_>, value: E) -> Result<Py<PyAny>> {
    let members = E::members().get_or_try_init(py, || {
        let class = class_of(py, E::CLASS)?;
        let member = |known: &E| call(&class, (known.name_of(),)).map(Bound::unbind);
        E::known().iter().map(member).collect::<PyResult<_>>()
    })?;
    Ok(match members.get(usize::from(value.number())) {
        Some(member) => member.clone_ref(py),
        None => value.number().into_pyobject(py).map_err(PyErr::from)?.into_any().unbind(),
    })
}

/// A class of `ixt_sdk.streaming`.
pub(crate) fn class_of<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(py.import("ixt_sdk.streaming")?.getattr(name)?.cast_into::<PyType>()?)
}
