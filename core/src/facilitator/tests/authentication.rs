//! Who gets in, and what is said to everybody else.

use super::*;

#[test]
fn a_known_validator_gets_success() {
    let mut bench = Bench::new(FacilitatorConfig {
        validators: Known::only([account("alice")]),
        ..FacilitatorConfig::default()
    });
    assert_eq!(bench.authenticate(A, "alice"), [format!("#1 {SUCCESS}")]);
    let connections: Vec<_> = bench.facilitator.connections().collect();
    assert_eq!(connections, [(A, Some(account("alice")))]);
    assert_eq!(bench.facilitator.stats().authentications, 1);
}

#[test]
fn an_unknown_validator_is_told_its_address_and_closed_with_3001() {
    let mut bench = Bench::new(FacilitatorConfig {
        validators: Known::only([account("alice")]),
        ..FacilitatorConfig::default()
    });
    let seen = bench.authenticate(A, "bob");
    assert_eq!(kinds(&seen), ["auth.validator_not_found", "close 3001"]);
    assert!(seen[0].contains(&account("bob").to_ss58()));
    assert_eq!(bench.facilitator.connections().count(), 0);
    // What comes later is ignored.
    assert!(bench.text(A, "{}").is_empty());
    assert_eq!(bench.facilitator.stats().stray_inputs, 1);
}

#[test]
fn the_list_is_looked_up_before_the_signature() {
    let mut bench = Bench::new(FacilitatorConfig {
        validators: Known::only([account("alice")]),
        ..FacilitatorConfig::default()
    });
    bench.connect(A);
    let mut hello = authentication_request(&key("bob"));
    hello.signature = "poison".to_string();
    let seen = bench.send(A, &ValidatorMessage::Authentication(hello));
    assert_eq!(kinds(&seen), ["auth.validator_not_found", "close 3001"]);
}

#[test]
fn a_wrong_signature_is_closed_with_3000() {
    let mut bench = Bench::imitating(Server::Uvicorn);
    bench.connect(A);
    let mut hello = authentication_request(&key("alice"));
    hello.signature = authentication_request(&key("bob")).signature;
    let seen = bench.send(A, &ValidatorMessage::Authentication(hello));
    assert_eq!(kinds(&seen), ["auth.signature_invalid", "close 3000"]);
}

#[test]
fn poison_in_key_or_signature_crashes() {
    let good = authentication_request(&key("alice"));
    let bare = good.signature.trim_start_matches("0x").to_string();
    let cases = [
        (good.public_key.clone(), bare, Poison::Signature),
        (
            good.public_key.clone(),
            "0xabcd".to_string(),
            Poison::Signature,
        ),
        (
            format!("0x{}", good.public_key),
            good.signature.clone(),
            Poison::PublicKey,
        ),
        (
            good.public_key[2..].to_string(),
            good.signature.clone(),
            Poison::PublicKey,
        ),
        (
            format!("zz{}", &good.public_key[2..]),
            good.signature.clone(),
            Poison::PublicKey,
        ),
    ];
    for (public_key, signature, poison) in cases {
        let mut bench = Bench::imitating(Server::Uvicorn);
        bench.connect(A);
        let mut hello = good.clone();
        (hello.public_key, hello.signature) = (public_key, signature);
        assert_eq!(
            bench.send(A, &ValidatorMessage::Authentication(hello)),
            ["#1 drop"]
        );
        assert!(bench.events.iter().any(|event| matches!(
            event,
            Event::AuthenticationRefused { reason: AuthenticationRefusal::Crashed(found), .. } if *found == poison
        )));
    }
}

#[test]
fn before_it_all_else_is_refused_and_a_second_one_too() {
    let mut bench = Bench::imitating(Server::Daphne);
    bench.connect(A);
    assert_eq!(
        kinds(&bench.send(A, &ValidatorMessage::Heartbeat)),
        ["auth.not_authenticated"]
    );
    assert_eq!(
        kinds(&bench.status(A, "nope", JobStatus::Received)),
        ["auth.not_authenticated"]
    );
    let hello = ValidatorMessage::Authentication(authentication_request(&key("alice")));
    assert_eq!(kinds(&bench.send(A, &hello)), ["success"]);
    assert_eq!(
        kinds(&bench.send(A, &hello)),
        ["auth.already_authenticated"]
    );
    assert!(bench.send(A, &ValidatorMessage::Heartbeat).is_empty());
    assert_eq!(bench.facilitator.stats().heartbeats, 1);
}

#[test]
fn the_versions_of_the_headers_are_remembered_until_others_come() {
    let mut bench = Bench::imitating(Server::Uvicorn);
    let hello = ValidatorMessage::Authentication(authentication_request(&key("alice")));
    let headers = [
        ("x-VALIDATOR-version", "1.2.3"),
        ("X-Validator-Runner-Version", "r9"),
    ];
    bench.facilitator.handle_connected(bench.now, A, &headers);
    bench.send(A, &hello);
    bench
        .facilitator
        .handle_connected(bench.now, B, &[("X-Validator-Version", "1.2.4")]);
    bench.send(B, &hello);
    let (_, record) = bench.facilitator.validators().next().unwrap();
    assert_eq!(record.version.as_deref(), Some("1.2.4"));
    assert_eq!(record.runner_version.as_deref(), Some("r9"));
    assert_eq!(record.authentications, 2);
}

#[test]
fn a_validator_taken_off_the_list_is_closed_with_3001() {
    let mut bench = Bench::with_alice(FacilitatorConfig::default());
    bench.authenticate(B, "bob");
    bench
        .facilitator
        .set_validators(bench.now, Known::only([account("bob")]));
    assert_eq!(bench.drain(), ["#1 close 3001"]);
    assert_eq!(
        bench
            .facilitator
            .disconnect_validator(bench.now, account("bob")),
        1
    );
    assert_eq!(bench.drain(), ["#2 close 3001"]);
    assert_eq!(
        kinds(&bench.authenticate(ConnectionId(3), "bob")),
        ["success"]
    );
    assert_eq!(
        kinds(&bench.authenticate(ConnectionId(4), "alice")),
        ["auth.validator_not_found", "close 3001"]
    );
}
