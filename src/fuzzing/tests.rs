//! Every fuzz target over its seeds and over seeds that are damaged, so that neither can rot.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use super::{TARGETS, Target};

/// One change of a seed.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Puts a piece of another seed there.
    Splice(Index, Index, Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    let telling = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![0, 0x0A, 0x20, 0x22, 0x2A, 0x30, 0x31, 0x7F, 0x80, 0x81, 0xFF]),
    ];
    prop_oneof![
        (place(), telling.clone()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (place(), prop::collection::vec(telling, 1..6))
            .prop_map(|(at, new)| Damage::Insert(at, new)),
        (place(), 1..20_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        (place(), place(), place(), 1..80_usize)
            .prop_map(|(at, seed, from, count)| Damage::Splice(at, seed, from, count)),
    ]
}

fn damaged(seeds: &[Vec<u8>], seed: Index, changes: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.get(seeds).clone();
    for change in changes {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match change {
            Damage::Set(at, byte) => {
                let at = place(at);
                bytes.get_mut(at).into_iter().for_each(|old| *old = *byte);
            }
            Damage::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Damage::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Damage::Splice(at, seed, from, count) => {
                let at = place(at);
                let other = seed.get(seeds);
                let from = from.index(other.len() + 1);
                let piece = &other[from..(from + count).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

fn holds_over_damaged_seeds(name: &str) {
    let Target { run, seeds, .. } = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds();
    seeds.iter().for_each(|seed| run(seed));
    let changes = prop::collection::vec(damage(), 0..5);
    let mut runner = TestRunner::default();
    let result = runner.run(&(any::<Index>(), changes), |(seed, changes)| {
        run(&damaged(&seeds, seed, &changes));
        Ok(())
    });
    result.unwrap();
    let result = runner.run(&prop::collection::vec(any::<u8>(), 0..200), |bytes| {
        run(&bytes);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn no_damaged_certificate_breaks_a_promise() {
    holds_over_damaged_seeds("certificate");
}

#[test]
fn no_damaged_name_breaks_a_promise() {
    holds_over_damaged_seeds("names");
}

#[test]
fn no_damaged_list_breaks_a_promise() {
    holds_over_damaged_seeds("list");
}

#[test]
fn no_damaged_pattern_breaks_a_promise() {
    holds_over_damaged_seeds("pattern");
}

#[test]
fn no_damaged_path_breaks_a_promise() {
    holds_over_damaged_seeds("path");
}

#[test]
fn no_damaged_header_breaks_a_promise() {
    holds_over_damaged_seeds("headers");
}

#[test]
fn no_damaged_frame_breaks_a_promise() {
    holds_over_damaged_seeds("frames");
}

#[test]
fn no_damaged_configuration_breaks_a_promise() {
    holds_over_damaged_seeds("configuration");
}

#[test]
fn no_damaged_proxy_header_breaks_a_promise() {
    holds_over_damaged_seeds("proxy_protocol");
}

#[test]
fn no_damaged_hello_or_file_breaks_a_promise() {
    holds_over_damaged_seeds("wire");
}

#[test]
#[ignore = "writes to `fuzz/corpus`, for whoever is about to fuzz"]
fn seeds_are_written() {
    for target in TARGETS {
        let folder = format!("{}/fuzz/corpus/{}", env!("CARGO_MANIFEST_DIR"), target.name);
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(format!("{folder}/seed-{number}"), seed).unwrap();
        }
    }
}

#[test]
fn every_target_has_its_file() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let mut files: Vec<_> = fs::read_dir(fuzz.join("targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut names = TARGETS.map(|target| target.name);
    names.sort_unstable();
    assert_eq!(files, names);
    for name in names {
        let text = fs::read_to_string(fuzz.join(format!("targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("mtls_gateway::fuzzing::run(\"{name}\", bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
    }
}
