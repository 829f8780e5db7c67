//! The small bounds of every kind, with every property. `proof/planted.py` sees each property fail.

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
