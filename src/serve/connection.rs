//! The path of one connection, from the accepted socket until it speaks HTTP: ClientHello → site → handshake and
//! verification, all under one deadline. What comes then is in `http`.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::http::Version;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::config::{self, ListenerKind};
use crate::forward::Answer;
use crate::generation::{Generation, Site};
use crate::observe::{ConnectionFacts, RequestId};
use crate::policy::{LetIn, Reason, Refusal};
use crate::tls::material::Challenge;
use crate::tls::{self, Arrived, Established, HelloFacts, HelloFailure};

use super::client_io::written;
use super::handshakes::Handshake;
use super::introduction::introduce;
use super::standing::Standing;
use super::worker::Worker;
use super::{Arrival, http, linger, plain};

/// Serves one connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, mut stream: TcpStream, arrival: Arrival) {
    let began = Instant::now();
    // The epoch first: if a generation comes between the two, it is judged by once more.
    let epoch = worker.shared.epoch.load(Ordering::Acquire);
    let generation = worker.shared.generation.load_full();
    // A listener on all addresses does not know which of them the client came to.
    let local = stream.local_addr().unwrap_or(arrival.local);
    let mut facts = ConnectionFacts::new(arrival.peer, local);
    let limits = &generation.config.limits;
    if let ListenerKind::Http(http) = &arrival.listener.kind {
        return Box::pin(plain::serve(&worker, stream, &arrival, http, &generation, facts)).await;
    }
    let limit = limits.handshake_timeout;
    let handshake = worker.handshakes.begin(worker.share(limits.handshakes_max));
    let handshake_here = worker.begin_at(&arrival.listener);
    // For as long as the connection lasts.
    let mut _places = None;
    // On the heap, which has it back when the connection is served.
    let verified = Box::pin(async {
        let introduced = introduce(&mut stream, &arrival, &worker.shared, limits, &mut facts);
        _places =
            introduced.await.map_err(|refusal| Refused { refusal, stream: None, words: None })?;
        verify(&worker, &generation, stream, &mut facts).await
    });
    let verified = tokio::select! {
        verified = timeout(limit, verified) => Some(verified),
        () = handshake.makes_way() => None,
        () = makes_way(handshake_here.as_ref()) => None,
    };
    let refused = match verified {
        None => {
            let sentence = "was the oldest of too many handshakes, and did not end";
            let refusal = Refusal::new(Reason::MadeWay, sentence);
            Refused { refusal, stream: None, words: None }
        }
        // A CA has seen the certificate of its challenge, and there is nothing else for it here.
        Some(Ok(Ok(None))) => return,
        Some(Ok(Ok(Some((site, established))))) => {
            let Established { stream, client, http2, is_resumed, version, group } = established;
            let client = match client {
                Arrived::LetIn(client) => client,
                Arrived::TurnedAway(verdict, refusal) => {
                    let (told, reason) =
                        (generation.config.log.refusals_per_minute, refusal.reason);
                    let refusals = &worker.shared.refusals;
                    refusals.report(told, tls::unix_now(), facts.clone(), refusal, false);
                    let owner = Rc::clone(&worker);
                    let of_site = Arc::clone(&site);
                    let spoken = (version, is_resumed);
                    let standing =
                        Standing::new(owner, facts, spoken, epoch, generation, of_site, verdict);
                    let (standing, waited) = (standing.turned_away(reason), began.elapsed());
                    // Nobody knows who it is: it goes on holding a place that makes way, and no other.
                    return tokio::select! {
                        () = http::serve(worker, standing, &site, stream, http2, waited) => {}
                        () = handshake.makes_way() => {}
                        () = makes_way(handshake_here.as_ref()) => {}
                    };
                }
            };
            drop((handshake, handshake_here));
            let counters = worker.counters.site(&site.name());
            counters.shaken(version, group.as_deref(), is_resumed);
            let shaken = began.elapsed();
            counters.handshake.add(shaken);
            let LetIn { verdict, in_spite_of } = client;
            if let Some(refusal) = in_spite_of {
                let told = generation.config.log.refusals_per_minute;
                worker.shared.refusals.report_let_in(told, &facts, &refusal, false);
            }
            if let Some(identity) = verdict.identity().filter(|_| !is_resumed) {
                let (days, now) = (&generation.config.warnings.expiry_days, tls::unix_now());
                let callers = &worker.shared.callers;
                counters.changed(&callers.saw(days, &site.name(), identity, facts.peer, now));
            }
            let identity = verdict.identity().map_or("", |identity| identity.name());
            debug!(peer = %facts.peer, site = site.number, identity, verify = %verdict, version, http2, is_resumed, "let in");
            let standing = Standing::new(
                Rc::clone(&worker),
                facts,
                (version, is_resumed),
                epoch,
                generation,
                Arc::clone(&site),
                verdict,
            );
            return http::serve(worker, standing, &site, stream, http2, shaken).await;
        }
        Some(Ok(Err(refused))) => refused,
        Some(Err(_)) => {
            let sentence = format!("did not end the TLS handshake within {limit:?}");
            Refused { refusal: Refusal::new(Reason::Timeout, sentence), stream: None, words: None }
        }
    };
    drop((handshake, handshake_here));
    let told = generation.config.log.refusals_per_minute;
    worker.shared.refusals.report(told, tls::unix_now(), facts, refused.refusal, false);
    match (refused.stream, refused.words) {
        // The client may be gone; then nobody misses the words.
        (Some(stream), Some(words)) => _ = linger::say(stream, words.as_bytes()).await,
        (Some(stream), None) => linger::close(stream).await,
        (None, _) => {}
    }
}

/// Waits until a handshake has to make way, if it is under a ceiling.
async fn makes_way(handshake: Option<&Handshake>) {
    match handshake {
        Some(handshake) => handshake.makes_way().await,
        None => std::future::pending().await,
    }
}

/// A connection that did not get as far as HTTP.
struct Refused {
    refusal: Refusal,
    stream: Option<TcpStream>,
    /// What to tell the client in clear text, beyond a TLS alert.
    words: Option<String>,
}

/// ClientHello, site, handshake.
async fn verify(
    worker: &Worker,
    generation: &Generation,
    mut stream: TcpStream,
    facts: &mut ConnectionFacts,
) -> Result<Option<(Arc<Site>, Established)>, Refused> {
    let hello = match tls::read_client_hello(&mut stream).await {
        Ok(hello) => hello,
        Err(HelloFailure::PlainHttp) => {
            let refusal = Refusal::new(Reason::NotTls, "spoke plain HTTP to the TLS port")
                .advising("write `https://` in the client's URL; this port speaks TLS only");
            let id = RequestId::random();
            facts.request_id = Some(id);
            let response =
                Answer::PlainHttp.response(id, &config::Answers::default(), Version::HTTP_11);
            let words = written(&response);
            return Err(Refused { refusal, stream: Some(stream), words: Some(words) });
        }
        Err(HelloFailure::Refused(refusal, seen)) => {
            note(facts, *seen);
            return Err(Refused { refusal, stream: Some(stream), words: None });
        }
    };
    note(facts, hello.facts().clone());
    let Some(site) = generation.site(facts.server_name.as_deref()) else {
        let name = facts.server_name.as_deref().unwrap_or_default();
        let refusal = tls::refuse_unknown_server_name(&mut stream, name).await;
        return Err(Refused { refusal, stream: Some(stream), words: None });
    };
    if hello.is_challenge()
        && let Some(certificate) = challenge(worker, site, facts.server_name.as_deref()).await
    {
        return match hello.answer_challenge(stream, certificate).await {
            Ok(stream) => {
                info!(peer = %facts.peer, site = site.name(), "answered a challenge of acme-tls/1");
                linger::close(stream).await;
                Ok(None)
            }
            Err((refusal, stream)) => Err(Refused { refusal, stream, words: None }),
        };
    }
    match hello.handshake(stream, &site.tls).await {
        Ok(established) => Ok(Some((Arc::clone(site), established))),
        Err((refusal, stream)) => Err(Refused { refusal, stream, words: None }),
    }
}

/// The certificate of a challenge for a name, if the site has a folder of them and one is there now.
async fn challenge(worker: &Worker, site: &Site, name: Option<&str>) -> Option<Challenge> {
    let (folder, name) = (site.config.acme_tls_certificates.as_ref()?, name?.to_owned());
    let folder = folder.value.clone();
    // Closed never.
    let _read = worker.challenge_reads.acquire().await.ok()?;
    // On a thread of its own: disks may be slow, and the handshakes of others must not wait for them.
    spawn_blocking(move || Challenge::load(&folder, &name)).await.ok()?
}

/// Notes what a client offered.
fn note(facts: &mut ConnectionFacts, hello: HelloFacts) {
    facts.server_name = hello.server_name;
    facts.versions = hello.versions;
    facts.alpn = hello.alpn;
    facts.signature_schemes = hello.signature_schemes;
    facts.groups = hello.groups;
}
