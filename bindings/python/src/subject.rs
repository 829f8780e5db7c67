//! Subjects and targets: one small class for each member, so that `match` takes them apart.

use ixt_core::invocation::{Subject, Target};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::bytes::BytesLike;
use crate::error::{Result, invalid};
use crate::hash::hash_of;
use crate::message::Message;
use crate::repr::{of_hex, of_text};
use crate::text::{Text, as_str};

/// Classes with one text, and the member of the core that each stands for.
macro_rules! named {
    ($($(#[doc = $doc:literal])+ $class:ident.$field:ident = $text:literal is $core:ident::$member:ident;)+) => {$(
        $(#[doc = $doc])+
        #[pyclass(frozen, module = "ixt_sdk.invocation")]
        pub(crate) struct $class {
            #[pyo3(get)]
            $field: Py<PyString>,
        }

        impl $class {
            pub(crate) fn make($field: Bound<'_, PyString>) -> Result<Py<PyAny>> {
                let py = $field.py();
                Ok(Py::new(py, Self { $field: $field.unbind() })?.into_any())
            }

            fn core<'a>(&'a self, py: Python<'a>) -> Result<$core<&'a str>> {
                Ok($core::$member(as_str(self.$field.bind(py))?))
            }
        }

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__() -> (&'static str,) {
                ($text,)
            }

            #[new]
            fn new($field: Text<'_>) -> Self {
                Self { $field: $field.0.unbind() }
            }

            fn __repr__(&self, py: Python<'_>) -> Result<String> {
                Ok(format!("{}({})", stringify!($class), of_text(as_str(self.$field.bind(py))?)))
            }

            fn __eq__(&self, py: Python<'_>, other: &Self) -> Result<bool> {
                Ok(as_str(self.$field.bind(py))? == as_str(other.$field.bind(py))?)
            }

            fn __hash__(&self, py: Python<'_>) -> Result<u64> {
                Ok(hash_of((stringify!($class), as_str(self.$field.bind(py))?)))
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
                Ok((py.get_type::<Self>().into_any(), (&self.$field,).into_pyobject(py)?))
            }
        }
    )+};
}

named! {
    /// A principal that an ingress authenticated; the empty name, which is the default: anonymous.
    ExternalSubject.name = "name" is Subject::External;
    /// A person who operates the deployment.
    OperatorSubject.name = "name" is Subject::Operator;
    /// A module on its own behalf.
    ModuleSubject.name = "name" is Subject::Module;
    /// Any module that provides this service; the empty name, which is the default, is no target.
    ServiceTarget.name = "name" is Target::Service;
    /// This module.
    ModuleTarget.name = "name" is Target::Module;
    /// Every module that subscribed to the topic; the empty topic: every module.
    BroadcastTarget.topic = "topic" is Target::Broadcast;
    /// An endpoint that was handed out at run time.
    DynamicEndpointTarget.name = "name" is Target::DynamicEndpoint;
}

/// The runtime itself.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct SystemSubject;

#[pymethods]
impl SystemSubject {
    #[new]
    fn new() -> Self {
        Self
    }

    fn __repr__(&self) -> &'static str {
        "SystemSubject()"
    }

    fn __eq__(&self, _other: &Self) -> bool {
        true
    }

    fn __hash__(&self) -> u64 {
        hash_of("SystemSubject")
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, Bound<'py, PyTuple>) {
        (py.get_type::<Self>().into_any(), PyTuple::empty(py))
    }
}

/// One waiting call, by an id of 16 bytes that was minted for it alone; never the trace id.
#[pyclass(frozen, module = "ixt_sdk.invocation")]
pub(crate) struct ReplyTarget {
    #[pyo3(get)]
    id: Py<PyBytes>,
}

#[pymethods]
impl ReplyTarget {
    #[classattr]
    fn __match_args__() -> (&'static str,) {
        ("id",)
    }

    #[new]
    fn new(id: BytesLike<'_>) -> Result<Self> {
        Target::<String>::reply(id.as_bytes())?;
        Ok(Self { id: id.0.unbind() })
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("ReplyTarget(bytes.fromhex('{}'))", of_hex(self.id.as_bytes(py)))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        self.id.as_bytes(py) == other.id.as_bytes(py)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        hash_of(("ReplyTarget", self.id.as_bytes(py)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        Ok((py.get_type::<Self>().into_any(), (&self.id,).into_pyobject(py)?))
    }
}

/// Members of a later schema. A context is not built of them: its bytes are not theirs alone.
macro_rules! unknown {
    ($($(#[doc = $doc:literal])+ $class:ident;)+) => {$(
        $(#[doc = $doc])+
        #[pyclass(frozen, module = "ixt_sdk.invocation")]
        pub(crate) struct $class {
            #[pyo3(get)]
            tag: u16,
        }

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__() -> (&'static str,) {
                ("tag",)
            }

            #[new]
            fn new(tag: crate::number::Number<u16>) -> Self {
                Self { tag: tag.0 }
            }

            fn __repr__(&self) -> String {
                format!("{}({})", stringify!($class), self.tag)
            }

            fn __eq__(&self, other: &Self) -> bool {
                self.tag == other.tag
            }

            fn __hash__(&self) -> u64 {
                hash_of((stringify!($class), self.tag))
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
                Ok((py.get_type::<Self>().into_any(), (self.tag,).into_pyobject(py)?))
            }
        }
    )+};
}

unknown! {
    /// A subject of a later schema: it has no authority.
    UnknownSubject;
    /// A target of a later schema: it is unroutable.
    UnknownTarget;
}

pub(crate) fn subject_to_python(py: Python<'_>, message: &Message) -> Result<Py<PyAny>> {
    match message.index(py)?.subject {
        Subject::External(name) => ExternalSubject::make(message.text(py, name)?),
        Subject::Operator(name) => OperatorSubject::make(message.text(py, name)?),
        Subject::Module(name) => ModuleSubject::make(message.text(py, name)?),
        Subject::System => Ok(Py::new(py, SystemSubject)?.into_any()),
        unknown => Ok(Py::new(py, UnknownSubject { tag: unknown.tag() })?.into_any()),
    }
}

pub(crate) fn subject_of<'a>(subject: &'a Bound<'_, PyAny>) -> Result<Subject<&'a str>> {
    let py = subject.py();
    if let Ok(found) = subject.cast::<ExternalSubject>() {
        found.get().core(py)
    } else if let Ok(found) = subject.cast::<OperatorSubject>() {
        found.get().core(py)
    } else if let Ok(found) = subject.cast::<ModuleSubject>() {
        found.get().core(py)
    } else if subject.cast::<SystemSubject>().is_ok() {
        Ok(Subject::System)
    } else if subject.cast::<UnknownSubject>().is_ok() {
        Err(invalid("actor.subject"))
    } else {
        Err(PyTypeError::new_err("expected a subject").into())
    }
}

pub(crate) fn target_to_python(py: Python<'_>, message: &Message) -> Result<Py<PyAny>> {
    match message.index(py)?.target {
        Target::Service(name) => ServiceTarget::make(message.text(py, name)?),
        Target::Module(name) => ModuleTarget::make(message.text(py, name)?),
        Target::Broadcast(topic) => BroadcastTarget::make(message.text(py, topic)?),
        Target::Reply(id) => Ok(Py::new(py, ReplyTarget { id: PyBytes::new(py, &id).unbind() })?.into_any()),
        Target::DynamicEndpoint(name) => DynamicEndpointTarget::make(message.text(py, name)?),
        unknown => Ok(Py::new(py, UnknownTarget { tag: unknown.tag() })?.into_any()),
    }
}

pub(crate) fn target_of<'a>(target: &'a Bound<'_, PyAny>) -> Result<Target<&'a str>> {
    let py = target.py();
    if let Ok(found) = target.cast::<ServiceTarget>() {
        found.get().core(py)
    } else if let Ok(found) = target.cast::<ModuleTarget>() {
        found.get().core(py)
    } else if let Ok(found) = target.cast::<BroadcastTarget>() {
        found.get().core(py)
    } else if let Ok(found) = target.cast::<ReplyTarget>() {
        Ok(Target::reply(found.get().id.as_bytes(py))?)
    } else if let Ok(found) = target.cast::<DynamicEndpointTarget>() {
        found.get().core(py)
    } else if target.cast::<UnknownTarget>().is_ok() {
        Err(invalid("target"))
    } else {
        Err(PyTypeError::new_err("expected a target").into())
    }
}
