//! Seconds, as peers read them.

use serde::{Serialize, Serializer};

/// Seconds; whole ones are written without a point, as there are peers that read integers alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(pub(crate) f64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(seconds) = *self;
        if seconds.fract() == 0.0 && (0.0..9e15).contains(&seconds) {
            serializer.serialize_u64(seconds as u64)
        } else {
            serializer.serialize_f64(seconds)
        }
    }
}

/// For a field that may be missing.
pub(crate) fn of_option<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds.map(Seconds).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::Seconds;

    #[test]
    fn whole_ones_have_no_point() {
        let written = |seconds| serde_json::to_string(&Seconds(seconds)).unwrap();
        assert_eq!([600.0, 0.0, 0.25, 1e20].map(written), ["600", "0", "0.25", "1e+20"]);
    }
}
