//! The path of one connection, from the accepted socket until it speaks HTTP: ClientHello → site → handshake and
//! verification, all under one deadline. What comes then is in `http`.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
use crate::tls::{self, Arrived, Established, HelloFacts, HelloFailure, TlsStream};

use super::client_io::written;
use super::counts::Places;
use super::handshakes::Handshake;
use super::introduction::introduce;
use super::standing::Standing;
use super::worker::Worker;
use super::{Arrival, http, linger, plain};

/// Serves one connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, arrival: Arrival) {
    // On the heap, which has it back when HTTP begins.
    let Some(opened) = Box::pin(open(Rc::clone(&worker), stream, arrival)).await else {
        return;
    };
    let Opened { standing, site, stream, http2, shaken, turned_away, _places } = opened;
    let serve = || http::serve(worker, standing, &site, stream, http2, shaken);
    match turned_away {
        None => serve().await,
        // Nobody knows who it is: it goes on holding a place that makes way, and no other.
        Some((handshake, handshake_here)) => {
            let serve = async {
                tokio::select! {
                    () = serve() => {}
                    () = handshake.makes_way() => {}
                    () = makes_way(handshake_here.as_ref()) => {}
                }
            };
            Box::pin(serve).await;
        }
    }
}

/// A connection that may speak HTTP.
struct Opened {
    standing: Rc<Standing>,
    /// As its server name chose it.
    site: Arc<Site>,
    stream: Box<TlsStream>,
    http2: bool,
    /// How long that took.
    shaken: Duration,
    /// The places among the handshakes of a client that was refused, and is to be told so by an answer.
    turned_away: Option<(Handshake, Option<Handshake>)>,
    /// Those of its address, for as long as the connection lasts.
    _places: Option<Places>,
}

/// The way of a connection until it may speak HTTP; `None` if it may not, and all is said and done.
async fn open(worker: Rc<Worker>, mut stream: TcpStream, arrival: Arrival) -> Option<Opened> {
    let began = Instant::now();
    // The epoch first: if a generation comes between the two, it is judged by once more.
    let epoch = worker.shared.epoch.load(Ordering::Acquire);
    let generation = worker.shared.generation.load_full();
    // A listener on all addresses does not know which of them the client came to.
    let local = match arrival.local.ip().to_canonical().is_unspecified() {
        true => stream.local_addr().unwrap_or(arrival.local),
        false => arrival.local,
    };
    let mut facts = ConnectionFacts::new(arrival.peer, local);
    let limits = &generation.config.limits;
    if let ListenerKind::Http(http) = &arrival.listener.kind {
        Box::pin(plain::serve(&worker, stream, &arrival, http, &generation, facts)).await;
        return None;
    }
    let limit = limits.handshake_timeout;
    let handshake = worker.handshakes.begin(worker.share(limits.handshakes_max));
    let handshake_here = worker.begin_at(&arrival.listener);
    let mut places = None;
    let verified = async {
        let introduced = introduce(&mut stream, &arrival, &worker.shared, limits, &mut facts);
        places =
            introduced.await.map_err(|refusal| Refused { refusal, stream: None, words: None })?;
        verify(&worker, &generation, stream, &mut facts).await
    };
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
        Some(Ok(Ok(None))) => return None,
        Some(Ok(Ok(Some((site, established))))) => {
            let Established { stream, client, http2, is_resumed, version, group } = established;
            let spoken = (version, is_resumed);
            let opened = |standing, turned_away| {
                let (standing, site) = (Rc::new(standing), Arc::clone(&site));
                let shaken = began.elapsed();
                Some(Opened { standing, site, stream, http2, shaken, turned_away, _places: places })
            };
            let told = generation.config.log.refusals_per_minute;
            let refusals = &worker.shared.refusals;
            let standing = |facts, generation, verdict| {
                let (worker, site) = (Rc::clone(&worker), Arc::clone(&site));
                Standing::new(worker, facts, spoken, epoch, generation, site, verdict)
            };
            let LetIn { verdict, in_spite_of } = match client {
                Arrived::LetIn(client) => client,
                Arrived::TurnedAway(verdict, refusal) => {
                    let reason = refusal.reason;
                    refusals.report(told, tls::unix_now(), facts.clone(), refusal, false);
                    let standing = standing(facts, generation, verdict).turned_away(reason);
                    return opened(standing, Some((handshake, handshake_here)));
                }
            };
            drop((handshake, handshake_here));
            let (_, counters) = worker.counters.site(site.name());
            counters.shaken(version, group.as_deref(), is_resumed);
            counters.handshake.add(began.elapsed());
            if let Some(refusal) = in_spite_of {
                refusals.report_let_in(told, &facts, &refusal, false);
            }
            if let Some(identity) = verdict.identity().filter(|_| !is_resumed) {
                let (days, now) = (&generation.config.warnings.expiry_days, tls::unix_now());
                let callers = &worker.shared.callers;
                counters.changed(&callers.saw(days, site.name(), identity, facts.peer, now));
            }
            let identity = verdict.identity().map_or("", |identity| identity.name());
            debug!(peer = %facts.peer, site = site.number, identity, verify = %verdict, version, http2, is_resumed, "let in");
            return opened(standing(facts, generation, verdict), None);
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
    None
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
            note(worker, facts, &seen);
            return Err(Refused { refusal, stream: Some(stream), words: None });
        }
    };
    note(worker, facts, hello.facts());
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
fn note(worker: &Worker, facts: &mut ConnectionFacts, hello: &HelloFacts) {
    facts.server_name.clone_from(&hello.server_name);
    facts.offered = worker.known_clients.offered(&hello.offered);
}
