//! The suite that every engine runs, on this one.

#[path = "support/device.rs"]
mod device;

use exp_burn::BurnEngine;
use exp_consistency::conformance;

#[test]
fn the_engine_conforms() {
    let [engine, other] = device::devices().map(|name| BurnEngine::open(&name).expect("the device is there"));
    let outcomes = conformance::run(&engine, &other);
    for outcome in &outcomes {
        let word = if outcome.faults.is_empty() { "ok     " } else { "FAILED " };
        println!("{word} {} ({} of {})", outcome.name, outcome.cases - outcome.faults.len(), outcome.cases);
        outcome.faults.iter().for_each(|fault| println!("        {fault}"));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).count();
    assert!(failed == 0 && outcomes.len() > 100, "{failed} of {} checks failed", outcomes.len());
}
