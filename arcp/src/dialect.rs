//! Peers that are known to read or say something otherwise than ARCP §§6–9, and what is done for each.
//!
//! A peer is taken for one of these by more than one sign in its hello. What all peers bear is said to all; the table
//! holds only what one of them needs and another would not bear, and a setting turns it off.

use crate::envelope::Envelope;
use crate::id::Ulid;
use crate::message::Hello;

/// Which peer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// One that speaks as the specification says, as far as is known.
    #[default]
    Specification,
    /// The official TypeScript SDK.
    TypeScript,
    /// The official Python SDK up to 1.1.3.
    Python,
    /// The official Go SDK.
    Go,
}

/// What is done otherwise for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// A submit is refused by `job.error` with a fresh `job_id`: a `session.error` would refuse all its requests.
    pub refuses_submit_as_job: bool,
    /// Budgets are amounts such as `USD:1.00` in place of numbers.
    pub budget_as_amounts: bool,
    /// An inline result stands under `output` too.
    pub output_beside_result: bool,
    /// `job.error` has no other `final_status` than `error`; its code says the rest.
    pub errors_are_errors: bool,
}

const TABLE: [(Dialect, &str, Quirks); 4] = {
    const NONE: Quirks = Quirks {
        refuses_submit_as_job: false,
        budget_as_amounts: false,
        output_beside_result: false,
        errors_are_errors: false,
    };
    [
        (Dialect::Specification, "specification", NONE),
        (Dialect::TypeScript, "typescript", Quirks { refuses_submit_as_job: true, ..NONE }),
        (Dialect::Python, "python", Quirks { budget_as_amounts: true, errors_are_errors: true, ..NONE }),
        (Dialect::Go, "go", Quirks { output_beside_result: true, ..NONE }),
    ]
};

impl Dialect {
    /// Tells by a hello which peer it is.
    #[must_use]
    pub fn of(envelope: &Envelope<'_>, hello: &Hello<'_>) -> Self {
        let id = envelope.id.as_deref().unwrap_or_default();
        let empty_agents = hello.capabilities.agents.is_some_and(|agents| agents.get() == "[]");
        match id.strip_prefix("msg_") {
            Some(rest) if Ulid::parse(rest).is_some() => Self::TypeScript,
            _ if Ulid::parse(id).is_some() && empty_agents => Self::Python,
            _ if is_uuid_v7(id) && !empty_agents => Self::Go,
            _ => Self::Specification,
        }
    }

    /// What is done for it.
    #[must_use]
    pub fn quirks(self) -> Quirks {
        TABLE.iter().find(|(dialect, ..)| *dialect == self).map(|(.., quirks)| *quirks).unwrap_or_default()
    }

    /// Its name, as stores keep it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TABLE.iter().find(|(dialect, ..)| *dialect == self).map_or("specification", |(_, name, _)| name)
    }

    /// The one with this name; the specification for every other.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        TABLE.iter().find(|(_, other, _)| *other == name).map(|(dialect, ..)| *dialect).unwrap_or_default()
    }
}

fn is_uuid_v7(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.get(14) == Some(&b'7')
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::FrameLimits;

    fn of(id: &str, agents: &str) -> Dialect {
        let frame = format!(
            r#"{{"id":"{id}","type":"session.hello","payload":{{"capabilities":{{"features":["ack"]{agents}}}}}}}"#
        );
        let envelope = Envelope::read(frame.as_bytes(), FrameLimits::default()).unwrap();
        Dialect::of(&envelope, &envelope.payload().unwrap())
    }

    #[test]
    fn each_is_told_by_more_than_one_sign() {
        let ulid = "01M7VGTMZ5H8V5WGBBW2JZV7A4";
        assert_eq!(of(&format!("msg_{ulid}"), ""), Dialect::TypeScript);
        assert_eq!(of("msg_1", ""), Dialect::Specification);
        assert_eq!(of(ulid, r#","agents":[]"#), Dialect::Python);
        assert_eq!(of(ulid, ""), Dialect::Specification, "the specification's own examples have such ids");
        assert_eq!(of("01a1f729-c322-7d60-a002-bf606f2ed363", ""), Dialect::Go);
        assert_eq!(of("01a1f729-c322-4d60-a002-bf606f2ed363", ""), Dialect::Specification);
        assert_eq!(of("", ""), Dialect::Specification);
    }

    #[test]
    fn a_plain_peer_gets_no_quirk_and_names_come_back() {
        assert_eq!(Dialect::Specification.quirks(), Quirks::default());
        for (dialect, name, _) in TABLE {
            assert_eq!((dialect.as_str(), Dialect::parse(name)), (name, dialect));
        }
        assert_eq!(Dialect::parse("klingon"), Dialect::Specification);
    }
}
