//! JSON from Python's values, and back.

use std::fmt::{self, Write};

use ixt_arcp::Refusal;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::error::refused;
use crate::bytes::BytesLike;
use crate::call::call;

/// Lists and objects within each other: as many as a frame may have.
const DEPTH: usize = 64;

/// What is no JSON, and where it stands.
struct NotJson {
    place: String,
    why: String,
}

impl NotJson {
    fn new(why: impl Into<String>) -> Self {
        Self { place: String::new(), why: why.into() }
    }

    fn within(mut self, part: impl fmt::Display) -> Self {
        self.place = format!("{part}{}", self.place);
        self
    }
}

impl From<PyErr> for NotJson {
    fn from(error: PyErr) -> Self {
        Self::new(error.to_string())
    }
}

/// The value as JSON; `field` is what an error calls it.
///
/// `dict` with `str` keys, `list`, `tuple`, `str`, `int`, finite `float` and `Decimal`, `bool` and `None` are JSON, and so is what
/// has a `model_dump`.
pub(crate) fn to_json(value: &Bound<'_, PyAny>, field: &str) -> Result<String, Refusal> {
    let mut out = String::with_capacity(128);
    match write(value, &mut out, 0) {
        Ok(()) => Ok(out),
        Err(NotJson { place, why }) => {
            let place: String = place.chars().take(200).collect();
            Err(Refusal::invalid(format!("{field}{place}: {why}")))
        }
    }
}

fn write(value: &Bound<'_, PyAny>, out: &mut String, depth: usize) -> Result<(), NotJson> {
    if let Ok(text) = value.cast::<PyString>() {
        return write_text(text, out);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return write_dict(dict, out, depth);
    }
    if value.is_none() {
        out.push_str("null");
    } else if let Ok(truth) = value.cast::<PyBool>() {
        out.push_str(if truth.is_true() { "true" } else { "false" });
    } else if let Ok(number) = value.cast::<PyInt>() {
        match number.extract::<i64>() {
            Ok(number) => push(out, number),
            // Python's integers have no end, and neither have JSON's.
            Err(_) => push(out, int_text(number)?),
        }
    } else if let Ok(number) = value.cast::<PyFloat>() {
        let number = number.value();
        if !number.is_finite() {
            return Err(NotJson::new(format!("{number} is no JSON")));
        }
        // As short as it can be, and read as the same number; `5.0` stays one with a point.
        push(out, format_args!("{number:?}"));
    } else if let Ok(list) = value.cast::<PyList>() {
        write_items(list.iter(), out, depth)?;
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        write_items(tuple.iter(), out, depth)?;
    } else if value.is_instance(decimal(value.py())?)? {
        write_decimal(value, out)?;
    } else if let Ok(dump) = value.getattr("model_dump") {
        let options = PyDict::new(value.py());
        options.set_item("exclude_none", true)?;
        write(&dump.call((), Some(&options))?, out, depth)?;
    } else {
        return Err(NotJson::new(format!("{} is no JSON", value.get_type().name()?)));
    }
    Ok(())
}

fn push(out: &mut String, number: impl fmt::Display) {
    // A `String` takes all.
    let _ = write!(out, "{number}");
}

fn int_text(number: &Bound<'_, PyInt>) -> Result<String, NotJson> {
    // A subclass may print itself otherwise.
    let int = number.py().get_type::<PyInt>();
    let text = call(&int.getattr("__repr__")?, (number,))?;
    Ok(text.extract()?)
}

fn decimal(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}

fn write_decimal(number: &Bound<'_, PyAny>, out: &mut String) -> Result<(), NotJson> {
    if !call(&number.getattr("is_finite")?, ())?.extract::<bool>()? {
        return Err(NotJson::new("a Decimal that is not finite is no JSON"));
    }
    let plain = call(&number.getattr("__format__")?, ("f",))?;
    out.push_str(&plain.extract::<String>()?);
    Ok(())
}

fn write_text(text: &Bound<'_, PyString>, out: &mut String) -> Result<(), NotJson> {
    let text = text.to_str().map_err(|_| NotJson::new("a lone surrogate is no text"))?;
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.reserve(text.len() + 2);
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        // A text cannot fail.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
    Ok(())
}

fn write_dict(dict: &Bound<'_, PyDict>, out: &mut String, depth: usize) -> Result<(), NotJson> {
    if depth >= DEPTH {
        return Err(NotJson::new(format!("nested deeper than {DEPTH}")));
    }
    out.push('{');
    for (at, (key, value)) in dict.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let Ok(key) = key.cast::<PyString>() else {
            return Err(NotJson::new(format!("a key that is {} is no JSON", key.get_type().name()?)));
        };
        write_text(key, out)?;
        out.push(':');
        write(&value, out, depth + 1).map_err(|error| error.within(format_args!(".{key}")))?;
    }
    out.push('}');
    Ok(())
}

fn write_items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    out: &mut String,
    depth: usize,
) -> Result<(), NotJson> {
    if depth >= DEPTH {
        return Err(NotJson::new(format!("nested deeper than {DEPTH}")));
    }
    out.push('[');
    for (at, value) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(&value, out, depth + 1).map_err(|error| error.within(format_args!("[{at}]")))?;
    }
    out.push(']');
    Ok(())
}

/// A value as a frame: JSON in UTF-8.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub(crate) fn arcp_dumps<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = value.py();
    let json = to_json(value, "frame").map_err(|why| refused(py, &why))?;
    Ok(PyBytes::new(py, json.as_bytes()))
}

/// A frame as the value that it is; `ValueError` where it is no JSON.
#[pyfunction]
#[pyo3(signature = (frame, /))]
pub(crate) fn arcp_loads<'py>(py: Python<'py>, frame: BytesLike<'py>) -> PyResult<Bound<'py, PyAny>> {
    match std::str::from_utf8(frame.as_bytes()) {
        Ok(json) => to_python(py, json),
        Err(error) => Err(PyValueError::new_err(format!("a frame is UTF-8: {error}"))),
    }
}

/// JSON as Python's values, as `json.loads` makes them.
pub(crate) fn to_python<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    if has_long_number(json) {
        return loads(py, json);
    }
    let mut read = serde_json::Deserializer::from_str(json);
    match Value(py).deserialize(&mut read).and_then(|value| read.end().map(|()| value)) {
        Ok(value) => Ok(value),
        // Deeper than the library goes, for one.
        Err(_) => loads(py, json),
    }
}

/// Numbers that fit no word are Python's to read. Digits in a text are taken for one, and nothing is lost by that.
fn has_long_number(json: &str) -> bool {
    json.as_bytes().split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 18)
}

fn loads<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    call(LOADS.import(py, "json", "loads")?, (json,))
}

struct Value<'py>(Python<'py>);

impl<'py, 'de> DeserializeSeed<'de> for Value<'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'py, 'de> Visitor<'de> for Value<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.0.None().into_bound(self.0))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.0, value).to_owned().into_any())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        let Ok(number) = value.into_pyobject(self.0);
        Ok(number.into_any())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        let Ok(number) = value.into_pyobject(self.0);
        Ok(number.into_any())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(PyFloat::new(self.0, value).into_any())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.0, value).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let list = PyList::empty(self.0);
        while let Some(item) = items.next_element_seed(Value(self.0))? {
            list.append(item).map_err(A::Error::custom)?;
        }
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.0);
        while let Some(key) = fields.next_key_seed(Value(self.0))? {
            dict.set_item(key, fields.next_value_seed(Value(self.0))?).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}
