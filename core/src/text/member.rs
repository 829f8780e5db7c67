//! What JSON allows and the text form does not.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::stream::{CancelReason, CloseReason, InteractionKind, StreamErrorCode};

/// Reads a struct from an object, and not from an array of its fields as serde would too.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}

/// Reads an optional member that is an object; `null` is none.
pub(super) fn some_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    object(deserializer).map(Some)
}

/// Reads an optional member of another type, which `null` is not.
pub(super) fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whether a field holds its default and is left out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An enumeration of the schema.
pub trait Enumeration: Copy {
    /// By its ordinal.
    fn of_raw(raw: u16) -> Self;
    /// By the name in the schema.
    fn of_name(name: &str) -> Option<Self>;
    /// Its ordinal, and its name if this version knows it.
    fn parts(self) -> (u16, Option<&'static str>);
}

macro_rules! enumerations {
    ($($name:ident)+) => {$(
        impl Enumeration for $name {
            fn of_raw(raw: u16) -> Self {
                Self::from_raw(raw)
            }
            fn of_name(name: &str) -> Option<Self> {
                Self::from_name(name)
            }
            fn parts(self) -> (u16, Option<&'static str>) {
                (self.raw(), self.name())
            }
        }
    )+};
}

enumerations!(InteractionKind CloseReason CancelReason StreamErrorCode);

/// An enumerant as the schema's name, or as its number where that is not known; either is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<E>(pub E);

/// The enumerant with the number 0.
impl<E: Enumeration> Default for Named<E> {
    fn default() -> Self {
        Self(E::of_raw(0))
    }
}

impl<E: Enumeration> Serialize for Named<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parts() {
            (_, Some(name)) => serializer.serialize_str(name),
            (raw, None) => serializer.serialize_u16(raw),
        }
    }
}

impl<'de, E: Enumeration> Deserialize<'de> for Named<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Enumerant<E>(PhantomData<E>);
        impl<E: Enumeration> Visitor<'_> for Enumerant<E> {
            type Value = Named<E>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name of the schema, or a number")
            }
            fn visit_str<R: serde::de::Error>(self, name: &str) -> Result<Named<E>, R> {
                E::of_name(name).map(Named).ok_or_else(|| R::custom("not a name of the schema"))
            }
            fn visit_u64<R: serde::de::Error>(self, number: u64) -> Result<Named<E>, R> {
                let raw = u16::try_from(number).map_err(|_| R::custom("not a number of an enumerant"))?;
                Ok(Named(E::of_raw(raw)))
            }
        }
        deserializer.deserialize_any(Enumerant(PhantomData))
    }
}

/// A union member of a later schema. It is written and never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnknownText {
    /// Its tag.
    pub tag: u16,
}
