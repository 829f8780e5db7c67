//! The small bounds of every kind, with every property; and a property that is seen to fail.

use ixt_core::stream::InteractionKind;
use ixt_model::{Bounds, KINDS, run};

#[test]
fn every_property_holds() {
    for model in KINDS.into_iter().flat_map(Bounds::small) {
        let report = run(&model, 1);
        println!("{report}");
        assert!(report.failed.is_empty(), "{report}");
        assert!(report.states > 20, "{report}");
    }
}

/// An opener that is ready to receive less than half its window never owes a grant: its responder sends
/// that much and waits for good. Specification 23 (A1) leaves the first credit to the application, and
/// the SDKs open with the whole window. The model must find it, or its property of progress says nothing.
#[test]
fn a_first_credit_below_half_a_window_halts() {
    let window = Bounds::small(InteractionKind::ServerStream).swap_remove(1);
    for (credits, halts) in [(&[1][..], true), (&[2][..], false)] {
        let report = run(&Bounds { window: Some(4), credits, messages: 3, ..window.clone() }, 1);
        let found = report.failed.iter().any(|(name, _)| *name == "no deadlock while the reader grants");
        assert_eq!(found, halts, "{report}");
    }
}
