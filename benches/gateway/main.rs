//! What the gateway's own work costs: the question on every request, a verdict on a chain, a look into a
//! revocation list, the headers for the app, an access line. `docs/performance.md` has the figures and what they mean.
//!
//! Keys, certificates and lists are made when this starts.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing else to say")]

mod access;
mod big_list;
mod certificates;
mod exchange;

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use criterion::{BatchSize, Criterion};
use http::HeaderMap;
use mtls_gateway::config::{ClientMode, IdentityFormat, IdentityHeaders};
use mtls_gateway::forward::ClientIdentityHeaders;
use mtls_gateway::serve::Term;
use mtls_gateway::tls::revocation::List;
use mtls_gateway::tls::unix_now;

use big_list::BigList;
use certificates::Stage;

/// More than a site remembers (1024), so that none is remembered when it comes again.
const CLIENTS: u64 = 1100;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    standing(&mut criterion);
    verdicts(&mut criterion);
    lists(&mut criterion);
    headers(&mut criterion);
    lines(&mut criterion);
    criterion.final_summary();
}

/// What a request pays when nothing has changed since its connection was verified.
fn standing(criterion: &mut Criterion) {
    let epoch = AtomicU64::new(7);
    let term = Term { epoch: 7, reached: unix_now(), valid_until: unix_now() + 1_000_000 };
    let mut group = criterion.benchmark_group("standing");
    group.bench_function("nothing changed", |bencher| {
        bencher.iter(|| {
            let epoch = black_box(&epoch).load(Ordering::Acquire);
            black_box(term).holds(epoch, unix_now())
        });
    });
    group.bench_function("of that, the clock", |bencher| bencher.iter(unix_now));
    group.finish();
}

/// A client's certificate below one intermediate.
fn verdicts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verdict");
    for (name, algorithm) in
        [("P-256", &rcgen::PKCS_ECDSA_P256_SHA256), ("RSA-2048", &rcgen::PKCS_RSA_SHA256)]
    {
        let stage = Stage::new(algorithm, CLIENTS);
        let mut chains = stage.chains.iter().cycle();
        group.bench_function(format!("{name}, new"), |bencher| {
            bencher.iter(|| stage.site.tls.judge(chains.next().unwrap()).unwrap());
        });
        let known = &stage.chains[0];
        stage.site.tls.judge(known).unwrap();
        group.bench_function(format!("{name}, known"), |bencher| {
            bencher.iter(|| stage.site.tls.judge(black_box(known)).unwrap());
        });
    }
    group.finish();
}

/// Lists of two sizes, beside the check of one signature, which a handshake cannot do without.
fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list");
    for count in [1_000, 1_000_000] {
        let big = BigList::new(count);
        let list = List::read(big.der.clone(), Path::new("ca.crl")).unwrap();
        // Out of order, as callers come, so that no cache knows the way.
        let mut serials = big.serials.iter().cycle();
        group.bench_function(format!("find one of {count}"), |bencher| {
            bencher.iter(|| list.find(serials.next().unwrap()).unwrap());
        });
        let absent = big_list::serials(4096);
        let mut serials = absent.iter().cycle();
        group.bench_function(format!("miss among {count}"), |bencher| {
            bencher.iter(|| list.find(serials.next().unwrap()).is_none());
        });
        let (bytes, memory) = (big.der.len(), list.memory());
        let what = format!("read {count} ({bytes} bytes, {memory} in memory)");
        group.sample_size(10).bench_function(what, |bencher| {
            bencher.iter_batched(
                || big.der.clone(),
                |der| List::read(der, Path::new("ca.crl")).unwrap(),
                BatchSize::PerIteration,
            );
        });
        group.sample_size(100);
    }
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let signed = [7; 800];
    let signature = key.sign(&SystemRandom::new(), &signed).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
    group.bench_function("for comparison: verify one P-256 signature", |bencher| {
        bencher.iter(|| public.verify(black_box(&signed), signature.as_ref()).unwrap());
    });
    group.finish();
}

/// What is left to the access log.
fn lines(criterion: &mut Criterion) {
    let stage = Stage::new(&rcgen::PKCS_ECDSA_P256_SHA256, 1);
    let verdict = stage.site.tls.judge(&stage.chains[0]).unwrap().verdict;
    access::access(criterion, &verdict);
}

/// Made once a connection, set on each of its requests.
fn headers(criterion: &mut Criterion) {
    let stage = Stage::new(&rcgen::PKCS_ECDSA_P256_SHA256, 1);
    let verdict = stage.site.tls.judge(&stage.chains[0]).unwrap().verdict;
    let mode = ClientMode::Require;
    let mut group = criterion.benchmark_group("identity headers");
    for format in IdentityFormat::ALL {
        let config = IdentityHeaders { formats: vec![format], bytes_max: 1 << 16 };
        group.bench_function(format!("{}, made", format.as_str()), |bencher| {
            bencher.iter(|| ClientIdentityHeaders::new(black_box(&verdict), mode, &config));
        });
        let made = ClientIdentityHeaders::new(&verdict, mode, &config);
        group.bench_function(format!("{}, set", format.as_str()), |bencher| {
            bencher.iter_batched_ref(
                || HeaderMap::with_capacity(32),
                |headers| made.set(headers).is_ok(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
