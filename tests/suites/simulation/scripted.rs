//! One fault at a time, by hand: each does what its name says, and is survived.

use std::time::Duration;

use facilitator_core::client::Phase;
use facilitator_core::facilitator::Memory;
use facilitator_core::message::JobStatus;
use facilitator_tests::world::{
    ClientFault, ConnectFault, Crash, Direction, FacilitatorFault, Fault, Noise, Settings,
    Workload, World,
};

/// A world with one client that is ready, and no jobs but those that a test pushes.
fn world() -> World {
    let mut settings = Settings::new(1);
    settings.workload = Workload {
        jobs_every: None,
        specs_every: None,
        ..Workload::default()
    };
    let mut world = World::new(settings).unwrap();
    world.start();
    world.run_for(Duration::from_secs(1));
    assert_eq!(phase(&world), Phase::Ready);
    world
}

fn phase(world: &World) -> Phase {
    world.client(0).unwrap().phase()
}

fn inject(world: &mut World, fault: ClientFault) {
    world.inject(Fault::Client(0, fault));
}

/// Ends the faults, and checks that all is settled and every promise was kept.
fn end(mut world: World) -> World {
    world.calm();
    world.settle(Duration::from_hours(2));
    let violations = world.verdicts().violations();
    assert!(violations.is_empty(), "{violations:?}");
    world
}

#[test]
fn a_job_goes_from_its_request_to_its_end() {
    let mut world = world();
    let job = world.push_job(0).unwrap();
    let world = {
        world.run_for(Duration::from_mins(3));
        end(world)
    };
    let record = world.facilitator(0).unwrap().job(&job.to_string()).unwrap();
    let statuses: Vec<JobStatus> = record
        .statuses()
        .iter()
        .map(|stored| stored.status)
        .collect();
    assert_eq!(statuses[..2], [JobStatus::Sent, JobStatus::Received]);
    assert!(record.current_status().is_terminal(), "{statuses:?}");
    assert_eq!(world.counts().connections, 1);
}

#[test]
fn a_cut_at_every_byte_of_the_first_ten_kilobytes() {
    for bytes in (0..10_000).step_by(37) {
        for direction in [Direction::ToFacilitator, Direction::ToClient] {
            let mut world = world();
            inject(&mut world, ClientFault::CutAfter { direction, bytes });
            for _ in 0..3 {
                world.push_job(0);
            }
            world.run_for(Duration::from_mins(5));
            end(world);
        }
    }
}

#[test]
fn silence_in_each_direction_is_noticed_within_ping_interval_and_timeout() {
    for direction in [Direction::ToFacilitator, Direction::ToClient] {
        let mut world = world();
        inject(&mut world, ClientFault::Silence { direction });
        world.run_for(Duration::from_secs(42));
        if direction == Direction::ToClient {
            assert_eq!(
                world.counts().losses,
                1,
                "20 s for the ping, 20 s for its pong"
            );
        }
        world.run_for(Duration::from_mins(1));
        assert_eq!(world.counts().losses, 1);
        assert_eq!(phase(&world), Phase::Ready);
        end(world);
    }
}

#[test]
fn attempts_meet_what_was_asked_for() {
    for fault in [
        ConnectFault::Dns,
        ConnectFault::Refused,
        ConnectFault::Unreachable,
        ConnectFault::Hangs,
        ConnectFault::Tls,
        ConnectFault::Handshake,
        ConnectFault::Http {
            status: 503,
            retry_after: Some(Duration::from_secs(100)),
        },
    ] {
        let mut world = world();
        let time = Duration::from_mins(3);
        inject(&mut world, ClientFault::Connect { fault, time });
        inject(
            &mut world,
            ClientFault::Cut {
                to_facilitator: 0,
                to_client: 0,
                reset: true,
            },
        );
        world.run_for(Duration::from_mins(2));
        assert_ne!(phase(&world), Phase::Ready, "{fault}");
        world.run_for(Duration::from_mins(4));
        assert_eq!(phase(&world), Phase::Ready, "{fault}");
        end(world);
    }
}

#[test]
fn poison_is_set_aside_after_three_breaks_and_the_rest_flows() {
    for stored in [false, true] {
        for close_after in [None, Some(Duration::from_millis(700))] {
            let mut world = world();
            inject(
                &mut world,
                ClientFault::Poison(Crash {
                    stored,
                    close_after,
                }),
            );
            world.push_job(0);
            world.push_job(0);
            world.run_for(Duration::from_mins(10));
            let world = end(world);
            assert_eq!(world.counts().crashes, 3);
            assert_eq!(world.counts().set_aside, 1);
        }
    }
}

#[test]
fn a_facilitator_that_lost_its_memory_refuses_by_name() {
    let mut world = world();
    world.push_job(0);
    world.run_for(Duration::from_millis(500));
    world.inject(Fault::Facilitator(
        0,
        FacilitatorFault::Restart {
            memory: Memory::Lost,
            down: Duration::from_secs(10),
        },
    ));
    world.run_for(Duration::from_mins(5));
    let world = end(world);
    assert!(world.counts().refused > 0);
}

#[test]
fn a_facilitator_that_restarts_three_times_hears_heartbeats_again() {
    let mut world = world();
    for _ in 0..3 {
        let memory = Memory::Kept;
        let down = Duration::from_secs(5);
        world.inject(Fault::Facilitator(
            0,
            FacilitatorFault::Restart { memory, down },
        ));
        let before = world.counts().heartbeats;
        world.run_for(Duration::from_mins(3));
        assert!(world.counts().heartbeats >= before + 2);
    }
    end(world);
}

#[test]
fn a_facilitator_that_answers_nothing_is_left_for_another_connection() {
    let mut world = world();
    world.push_job(0);
    world.run_for(Duration::from_millis(500));
    inject(&mut world, ClientFault::Mute);
    world.run_for(Duration::from_mins(3));
    let world = end(world);
    assert_eq!(world.counts().losses, 1);
    assert!(
        world.counts().already_known > 0,
        "what was not answered was stored all the same"
    );
}

#[test]
fn noise_costs_nothing() {
    let mut world = world();
    for noise in [
        Noise::NoJson,
        Noise::UnknownType,
        Noise::MissingField,
        Noise::Binary(1000),
        Noise::Giant(1_000_000),
        Noise::StrayResponse,
        Noise::GarbledResponse,
    ] {
        inject(&mut world, ClientFault::Noise(noise));
        world.push_job(0);
        world.run_for(Duration::from_mins(3));
        inject(&mut world, ClientFault::PingFlood { pings: 1000 });
        world.run_for(Duration::from_mins(1));
    }
    let world = end(world);
    assert_eq!(
        (world.counts().noise_survived, world.counts().connections),
        (7, 1)
    );
}

#[test]
fn a_process_that_slept_for_hours_sends_one_heartbeat() {
    let mut world = world();
    let time = Duration::from_hours(3);
    inject(
        &mut world,
        ClientFault::Suspend {
            time,
            clock_runs: true,
        },
    );
    let before = world.counts().heartbeats;
    world.run_for(time + Duration::from_mins(2));
    let beats = world.counts().heartbeats - before;
    assert!(
        (1..=4).contains(&beats),
        "{beats} heartbeats after three hours of sleep"
    );
    end(world);
}

#[test]
fn stops_and_aborts_lose_nothing() {
    for restart_after in [Duration::ZERO, Duration::from_mins(1)] {
        let mut world = world();
        for _ in 0..5 {
            world.push_job(0);
        }
        for _ in 0..10 {
            world.run_for(Duration::from_secs(7));
            inject(&mut world, ClientFault::Stop { restart_after });
            world.run_for(Duration::from_secs(70));
            inject(&mut world, ClientFault::Abort { restart_after });
            world.run_for(Duration::from_secs(70));
        }
        let world = end(world);
        assert_eq!(world.counts().jobs, 5);
    }
}
