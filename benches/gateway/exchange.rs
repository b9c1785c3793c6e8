//! An exchange with its counters and, where there is a log, the access line that it leaves to the thread that writes.

use std::cell::Cell;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, Version};
use mtls_gateway::config::{
    AccessFormat, AccessLog as Config, AccessTarget, Endpoint, Located, Upstream,
};
use mtls_gateway::observe::access::Record;
use mtls_gateway::observe::metrics::Metrics;
use mtls_gateway::observe::{
    AccessLine, AccessLog, Exchange, ExchangeFacts, LogLines, Outcome, RequestId,
};
use mtls_gateway::policy::Verdict;

const PATH: &str = "/callback?CallbackCommand=State.StateChange&contenttype=json";

/// A log of JSON lines in a file.
pub(crate) fn log_to(path: &Path) -> Rc<AccessLog> {
    let config = Config {
        target: Located::new(AccessTarget::File(path.to_owned()), 0..0),
        format: AccessFormat::Json,
        queue_lines_max: NonZero::new(100_000).unwrap(),
    };
    Rc::new(AccessLog::start(&config, LogLines::to_standard_error().unwrap()).unwrap())
}

/// What does one exchange of this client.
pub(crate) fn exchanges(log: Option<Rc<AccessLog>>, verdict: &Verdict) -> impl FnMut() + use<> {
    let verdict = verdict.clone();
    let (_, counters) = Metrics::new(1).of_worker(0).site("www.example.com");
    let site = Arc::from("www.example.com");
    let endpoint = Endpoint::http("127.0.0.1", 8080);
    let (upstream, chosen) = (Arc::new(Upstream::plain(endpoint)), Rc::new(Cell::new(Some(0))));
    let peer = SocketAddr::from(([192, 0, 2, 7], 51034));
    move || {
        let id = RequestId::random();
        let line = log.as_ref().map(|log| {
            let record = Record::new(id, peer, verdict.clone(), Arc::clone(&site));
            let (host, headers) = ("www.example.com", HeaderMap::new());
            let record = record.with_request(
                &Method::POST,
                host,
                PATH,
                Version::HTTP_11,
                &headers,
                &AccessFormat::Json,
            );
            AccessLine { log: Rc::clone(log), record: Box::new(record) }
        });
        let counters = Arc::clone(&counters);
        let facts = ExchangeFacts { id, method: Method::POST, line, counters };
        let exchange = Exchange::begin(facts, || ());
        exchange.set_upstream(Arc::clone(&upstream), Rc::clone(&chosen));
        exchange.responded(StatusCode::OK);
        exchange.add_response_bytes(57);
        exchange.ended(Outcome::Complete);
    }
}
