//! Specs are kept or dropped, and never answered.

use super::*;

#[test]
fn of_known_miners_they_are_kept_without_an_answer() {
    let mut bench = Bench::with_alice(FacilitatorConfig {
        miners: Known::only([account("bob")]),
        ..FacilitatorConfig::default()
    });
    let bob = account("bob").to_ss58();
    assert!(
        bench
            .send(A, &ValidatorMessage::MachineSpecs(specs(&bob, JOB)))
            .is_empty()
    );
    let kept: Vec<_> = bench
        .facilitator
        .machine_specs()
        .map(|specs| &specs.update)
        .collect();
    assert_eq!(kept, [&specs(&bob, JOB)]);
    // Of others nothing is even looked at.
    assert!(
        bench
            .send(A, &ValidatorMessage::MachineSpecs(specs("5X", "no batch")))
            .is_empty()
    );
    let mut foreign = specs(&bob, "no batch");
    foreign.validator_hotkey = "5X".to_string();
    bench
        .facilitator
        .set_validators(bench.now, Known::only([account("alice")]));
    assert!(
        bench
            .send(A, &ValidatorMessage::MachineSpecs(foreign))
            .is_empty()
    );
    assert_eq!(bench.facilitator.machine_specs().len(), 1);
    assert_eq!(
        bench.send(A, &ValidatorMessage::MachineSpecs(specs(&bob, "no batch"))),
        ["#1 drop"]
    );
}

#[test]
fn the_oldest_give_way() {
    let mut config = FacilitatorConfig::default();
    config.limits.machine_specs = 2;
    let mut bench = Bench::with_alice(config);
    for miner in ["1", "2", "3"] {
        bench.send(A, &ValidatorMessage::MachineSpecs(specs(miner, JOB)));
    }
    let miners: Vec<_> = bench
        .facilitator
        .machine_specs()
        .map(|specs| specs.update.miner_hotkey.clone())
        .collect();
    assert_eq!(miners, ["2", "3"]);
}
