//! Asks endpoints whether they are well, as their upstreams say. On the first worker; where nothing is to be asked, it
//! sleeps until another generation comes.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::{Endpoint, Upstream};
use crate::upstream::check;

use super::Shared;

/// How exactly intervals are kept.
const TICK: Duration = Duration::from_millis(100);

/// When to ask whom again; `None` while an answer is waited for.
type Due = Rc<RefCell<HashMap<Endpoint, Option<Instant>>>>;

/// Asks as long as the gateway runs.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut changed = shared.changed.subscribe();
    let due = Due::default();
    loop {
        let upstreams = checked(&shared);
        forget_others(&shared, &due, &upstreams);
        let asking = async {
            while !upstreams.is_empty() {
                upstreams.iter().for_each(|upstream| ask(&shared, &due, upstream));
                sleep(TICK).await;
            }
            // Until there is somebody to ask.
            pending::<()>().await;
        };
        tokio::select! {
            result = changed.changed() => if result.is_err() { return },
            () = asking => {}
        }
    }
}

/// The upstreams whose endpoints are asked.
fn checked(shared: &Shared) -> Vec<Arc<Upstream>> {
    let generation = shared.generation.load();
    let all = generation.sites.iter().flat_map(|site| site.config.upstreams());
    let mut names = HashSet::new();
    let is_new = |upstream: &&Arc<Upstream>| names.insert(upstream.name.clone());
    all.filter(|upstream| upstream.health_check.is_some()).filter(is_new).cloned().collect()
}

/// What was found of endpoints that nobody asks any more does not count.
fn forget_others(shared: &Shared, due: &Due, upstreams: &[Arc<Upstream>]) {
    let members = || upstreams.iter().flat_map(|upstream| &upstream.endpoints);
    due.borrow_mut().retain(|endpoint, _| {
        let stays = members().any(|member| member.endpoint == *endpoint);
        if !stays {
            shared.endpoint_states.of(endpoint).forget_checks();
        }
        stays
    });
}

fn ask(shared: &Arc<Shared>, due: &Due, upstream: &Arc<Upstream>) {
    let Some(how) = &upstream.health_check else {
        return;
    };
    for (place, member) in upstream.endpoints.iter().enumerate() {
        let now = Instant::now();
        let mut all = due.borrow_mut();
        let next = all.entry(member.endpoint.clone()).or_insert(Some(now));
        if next.is_none_or(|at| at > now) {
            continue;
        }
        *next = None;
        let (shared, due) = (Arc::clone(shared), Rc::clone(due));
        let (upstream, how) = (Arc::clone(upstream), how.clone());
        tokio::task::spawn_local(async move {
            let endpoint = &upstream.endpoints[place].endpoint;
            let tls = shared.generation.load().app_tls(&upstream).cloned();
            let found = check(endpoint, &upstream, tls.as_deref(), &how).await;
            // Perhaps nobody wants to know any more.
            if let Some(next) = due.borrow_mut().get_mut(endpoint) {
                *next = Some(Instant::now() + how.interval);
                shared.endpoint_states.of(endpoint).checked(&found, &upstream);
            }
        });
    }
}
