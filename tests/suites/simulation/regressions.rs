//! Seeds that failed once, in `regressions.txt`: each line is the arguments of `simulate`, then what it had found.

use std::time::Duration;

use facilitator_tests::world::Scenario;

const LIST: &str = include_str!("regressions.txt");

/// A line of the list as a scenario.
fn scenario(line: &str) -> Scenario {
    let arguments = line.split('#').next().unwrap_or_default();
    let mut words = arguments.split_whitespace();
    let mut value = |name: &str| {
        assert_eq!(words.next(), Some(name), "{line}");
        words
            .next()
            .unwrap_or_else(|| panic!("{name} has no value: {line}"))
    };
    let seed = value("--seeds").parse().unwrap();
    let hours: f64 = value("--hours").parse().unwrap();
    let clients = value("--clients").parse().unwrap();
    let facilitators = value("--facilitators").parse().unwrap();
    let profile = value("--faults").parse().unwrap();
    let time = Duration::from_secs_f64(hours * 3600.0);
    let all = Scenario::new(seed, profile, clients, facilitators, time);
    match words.next() {
        None => all,
        Some("--keep") => {
            let places = words.next().unwrap().split(',');
            let places: Vec<usize> = places.map(|place| place.parse().unwrap()).collect();
            all.keeping(&places)
        }
        Some(other) => panic!("{other}: {line}"),
    }
}

#[test]
fn what_failed_once_does_not_fail_again() {
    let mut lines = 0;
    for line in LIST
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
    {
        lines += 1;
        let report = scenario(line).run().unwrap();
        assert!(report.is_clean(), "{line}\n{}", report.first().unwrap());
    }
    assert!(lines > 0, "the list is empty");
}
