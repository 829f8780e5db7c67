//! A lease, the one that a child asks for, a namespace and a target, a line each.
#![no_main]

use ixt_arcp::{Constraints, Lease, LeaseSettings, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(4, '\n');
    let [own, asked, namespace, target] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    if let Ok(constraints) = Constraints::parse(own, Timestamp::EPOCH) {
        let written = serde_json::to_string(&constraints).expect("constraints are JSON");
        assert_eq!(Constraints::parse(&written, Timestamp::EPOCH), Ok(constraints));
    }
    for any_model_by_default in [false, true] {
        let settings = LeaseSettings { any_model_by_default, ..LeaseSettings::default() };
        let Ok(lease) = Lease::parse(own, &settings) else { continue };
        let written = serde_json::to_string(&lease).expect("a lease is JSON");
        assert_eq!(Lease::parse(&written, &settings).as_ref(), Ok(&lease));
        assert!(lease.delegate(lease.clone(), &settings).is_ok(), "an equal lease is a subset");
        let Some(child) =
            Lease::parse(asked, &settings).ok().and_then(|child| lease.delegate(child, &settings).ok())
        else {
            continue;
        };
        for namespace in [namespace, "fs.read", "net.fetch", "tool.call", "model.use"] {
            let allowed = child.check(namespace, target, &settings);
            assert!(allowed.is_err() || lease.check(namespace, target, &settings) == allowed, "{namespace}");
        }
        if let Some(budget) = child.budget() {
            assert!(
                budget
                    .iter()
                    .all(|(currency, _)| lease.budget().is_some_and(|own| own.get(currency).is_some()))
            );
        }
    }
});
