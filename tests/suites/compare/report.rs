//! Reports of rows whose figures are given, so that what comes of them is known.

use std::cell::RefCell;
use std::rc::Rc;

use facilitator_tests::compare::{
    Bar, Detail, Entry, Machine, Measured, Outcome, Plan, Report, Row, Samples, Side, Unmeasured,
    Verdict, markdown, plot, table,
};

fn row(id: &'static str, bar: Bar, measure: fn(&Plan) -> Result<Measured, Unmeasured>) -> Row {
    Row {
        id,
        title: "ours & more / theirs <old>",
        explanation: "Both do the same | nothing is left out.",
        bar,
        measure,
    }
}

fn measured(ratios: &[f64]) -> Measured {
    let theirs = vec![1000.0; ratios.len()];
    let ours = ratios.iter().map(|ratio| ratio * 1000.0).collect();
    Measured {
        ratios: Samples::new(ratios.to_vec()),
        ours: Side::new("session", Samples::new(ours)),
        theirs: Side::new("queue", Samples::new(theirs)),
        unit: "ns",
        details: vec![
            Detail::figure("on a Sunday", 1.25, ""),
            Detail::note("nobody was hurt"),
        ],
    }
}

/// One row for everything that can come of a row.
fn rows() -> Vec<Row> {
    let most = Bar::at_most(3.0, 1.5);
    vec![
        row("reached", most, |_| Ok(measured(&[1.4, 1.3, 9.0]))),
        row("held", most, |_| Ok(measured(&[2.0, 2.5, 3.5]))),
        row("missed", Bar::at_least(0.85, 1.1), |_| {
            Ok(measured(&[0.5, 0.9, 0.8]))
        }),
        row("lacking", most, |_| {
            Err(Unmeasured::skipped("there is no python3"))
        }),
        row("broken", most, |_| {
            Err(Unmeasured::failed("the server is gone"))
        }),
    ]
}

fn machine() -> Machine {
    Machine {
        cpu: Some("A&B".into()),
        cores: Some(2),
        memory: None,
        system: "linux x86_64 6.1".into(),
        rustc: None,
        commit: Some("0123abc+".into()),
        date: None,
        load: None,
    }
}

fn report() -> Report {
    Report::measure(machine(), &Plan::full(), &rows())
}

#[test]
fn the_median_is_judged() {
    let report = report();
    let verdicts: Vec<_> = report.entries.iter().map(Entry::word).collect();
    assert_eq!(verdicts, ["aim", "holds", "MISSED", "skipped", "FAILED"]);
    assert_eq!(
        (report.missed(), report.skipped(), report.failed()),
        (1, 1, 1)
    );
}

/// One round is no measurement, however good or bad it looks.
#[test]
fn a_quick_round_is_not_judged() {
    let report = Report::measure(machine(), &Plan::quick(), &rows());
    assert_eq!(
        (report.missed(), report.skipped(), report.failed()),
        (0, 1, 1)
    );
    for entry in &report.entries {
        assert!(!matches!(
            &entry.outcome,
            Outcome::Measured {
                verdict: Some(_),
                ..
            }
        ));
    }
    let text = table(&report);
    assert!(text.contains("nothing is judged"), "{text}");
    assert!(!text.contains("MISSED"), "{text}");
}

#[test]
fn the_table_tells_all() {
    let text = table(&report());
    let line = |id: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(id));
        line.unwrap_or_else(|| panic!("no {id}: {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    let told = [
        "reached", "1.400", "1.350", "..", "5.200", "1.310", "..", "8.240", "1400", "1000", "ns",
        "≤", "3", "≤", "1.5", "aim",
    ];
    assert_eq!(line("reached"), told);
    assert_eq!(line("held").last(), Some(&"holds"));
    assert_eq!(line("missed").last(), Some(&"MISSED"));
    for words in [
        "lacking  skipped: there is no python3",
        "broken   FAILED: the server is gone",
        "- on a Sunday: 1.250",
        "- nobody was hurt",
        "ours: session; theirs: queue",
        "3 rows measured, 1 of them miss their bar; 1 SKIPPED; 1 FAILED",
        "A&B, 2 cores, unknown MiB",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 130),
        "{text}"
    );
}

/// Every line of the table has as many cells as its head; a title or a reason cannot break one.
#[test]
fn the_markdown_is_a_table() {
    let text = markdown(&report());
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(lines.len(), 2 + rows().len(), "{text}");
    for line in lines {
        assert_eq!(cells(line), 10, "{line}");
    }
    assert!(
        text.contains(
            "| 1.400 | 1.350 .. 5.200 | 1.310 .. 8.240 | 1400 ns | 1000 ns | ≤ 3 | 1.5 | aim |"
        ),
        "{text}"
    );
}

#[test]
fn the_json_holds_every_round() {
    let json: serde_json::Value = serde_json::from_str(&report().to_json().unwrap()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["machine"]["cores"], 2);
    let entries = json["entries"].as_array().unwrap();
    let outcomes: Vec<_> = entries
        .iter()
        .map(|entry| entry["outcome"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        ["measured", "measured", "measured", "skipped", "failed"]
    );
    let missed = &entries[2];
    assert_eq!(
        missed["bar"],
        serde_json::json!({"kind": "at_least", "bar": 0.85, "aim": 1.1})
    );
    assert_eq!(
        missed["outcome"]["ratios"],
        serde_json::json!([0.5, 0.9, 0.8])
    );
    assert_eq!(missed["outcome"]["ratio"], 0.8);
    assert_eq!(missed["outcome"]["verdict"], "missed");
    assert_eq!(entries[4]["outcome"]["why"], "the server is gone");
}

/// Better is further right, whichever way better is.
#[test]
fn the_plot_puts_better_to_the_right() {
    let svg = plot(&report());
    let dots = places(&svg, "<circle", "cx");
    let [reached, held, missed] = dots[..] else {
        panic!("{svg}")
    };
    let bar = places(&svg, "<line class=\"bar\"", "x1")[0];
    assert!(
        missed < bar && bar < held && held < reached,
        "{dots:?}, bar {bar}"
    );
    // What cannot be XML is escaped, and every element ends.
    assert!(
        svg.contains("ours &amp; more / theirs &lt;old&gt;"),
        "{svg}"
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    // Every row is there, measured or not.
    assert_eq!(
        svg.matches("FAILED").count() + svg.matches("skipped").count(),
        2
    );
}

/// An attribute of all elements that begin so.
fn places(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
    let elements = svg.split(element).skip(1);
    let value = elements.map(|rest| {
        let rest = rest.split_once(&format!("{attribute}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.parse().unwrap()
    });
    value.collect()
}

/// Ratios that no measurement should give break neither the axis nor the verdict.
#[test]
fn odd_figures_are_survived() {
    let odd = [
        row("zero", Bar::at_least(0.85, 1.1), |_| Ok(measured(&[0.0]))),
        row("nothing", Bar::at_most(3.0, 1.5), |_| {
            Ok(measured(&[f64::NAN]))
        }),
        row("endless", Bar::at_most(3.0, 1.5), |_| {
            Ok(measured(&[f64::INFINITY]))
        }),
    ];
    let report = Report::measure(machine(), &Plan::full(), &odd);
    assert!(report.entries.iter().all(|entry| matches!(
        entry.outcome,
        Outcome::Measured {
            verdict: Some(Verdict::Missed),
            ..
        }
    )));
    let svg = plot(&report);
    assert!(
        !svg.contains("\"NaN\"") && !svg.contains("\"inf\""),
        "{svg}"
    );
    table(&report);
    markdown(&report);
    report.to_json().unwrap();
}

#[test]
fn a_plan_is_followed() {
    assert_eq!(Plan::full().rounds(30), 30);
    assert_eq!(Plan::full().with_rounds(7).rounds(30), 7);
    assert_eq!(Plan::full().with_rounds(0).rounds(30), 1);
    assert_eq!(Plan::quick().with_rounds(7).rounds(30), 1);
    assert_eq!((Plan::full().pick(2, 1), Plan::quick().pick(2, 1)), (2, 1));
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = Rc::clone(&heard);
    let plan = Plan::quick()
        .with_progress(move |row, words| ears.borrow_mut().push(format!("{row}: {words}")));
    let row = row("held", Bar::at_most(3.0, 1.5), |plan| {
        plan.tell("half-way");
        Ok(measured(&[1.0]))
    });
    Report::measure(machine(), &plan, &[row]);
    assert_eq!(*heard.borrow(), ["held: ", "held: half-way"]);
}

/// What is found out about this machine names neither its owner nor a folder.
#[test]
fn the_machine_is_described_without_names() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let summary = Machine::here(folder).summary();
    assert!(
        summary.contains("cores") && summary.contains(std::env::consts::ARCH),
        "{summary}"
    );
    for secret in [std::env::var("HOME"), std::env::var("HOSTNAME")]
        .into_iter()
        .flatten()
    {
        assert!(secret.len() < 3 || !summary.contains(&secret), "{summary}");
    }
}
