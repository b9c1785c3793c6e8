//! The route of a request: which it takes, what it answers by itself, and what it makes of the path.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, Uri};

use crate::config::{Action, CanonicalPath, Piece, Proxy, Route, RoutePath, Site, Template};
use crate::observe::RequestId;
use crate::route;

use super::reply::{Answer, name_request};
use super::{Denied, Reply};

/// The route that a request takes, and its path in the form that was judged, where it came in another one. Without
/// routes nothing depends on the path, and it stays as it came.
pub(super) fn choose<'a>(
    site: &'a Site,
    method: &Method,
    uri: &Uri,
) -> Result<(&'a Route, Option<String>), Denied> {
    let none = || Denied::new(Answer::BadRequest, "no route, not even the site's own");
    if site.written_routes().is_empty() {
        let own = site.routes.last().ok_or_else(none)?;
        return Ok((&own.value, None));
    }
    let written = match uri.path() {
        "" => "/",
        path => path,
    };
    let path = CanonicalPath::of(written, site.encoded_slashes)
        .map_err(|ambiguous| Denied::new(Answer::AmbiguousPath, ambiguous.to_string()))?;
    let route = route::find(&site.routes, method, path.judged()).ok_or_else(none)?;
    let other = match path.path {
        Cow::Owned(path) => Some(path),
        Cow::Borrowed(_) => None,
    };
    Ok((route, other))
}

/// Path and query: the path as it was judged, or else as it came, and the query untouched.
pub(super) fn target<'a>(path: Option<&str>, uri: &'a Uri) -> Cow<'a, str> {
    match (path, uri.query()) {
        (Some(path), Some(query)) => Cow::Owned(format!("{path}?{query}")),
        (Some(path), None) => Cow::Owned(path.to_owned()),
        (None, _) => Cow::Borrowed(uri.path_and_query().map_or("/", PathAndQuery::as_str)),
    }
}

/// The path as the app gets it. What stands in place of the route's path, and all that follows it.
pub(super) fn rewritten(
    route: &Route,
    proxy: &Proxy,
    path: Option<String>,
    uri: &Uri,
) -> Option<String> {
    let Some(rewrite) = &proxy.path_rewrite else {
        return path;
    };
    let RoutePath::Prefix(prefix) = &route.path else {
        return Some(rewrite.clone());
    };
    let path = path.as_deref().unwrap_or(uri.path());
    let rest = behind(prefix.trim_end_matches('/'), path);
    Some(match (rewrite.trim_end_matches('/'), rest) {
        ("", "") => "/".to_owned(),
        (rewrite, rest) => format!("{rewrite}{rest}"),
    })
}

/// What of a path stands behind as many segments as a prefix has. They may carry parameters, of which the prefix
/// knows nothing.
fn behind<'a>(prefix: &str, path: &'a str) -> &'a str {
    let segments = prefix.matches('/').count();
    let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
    &path[end..]
}

/// What a route answers by itself.
pub(super) fn reply<'a>(
    action: &Action,
    id: RequestId,
    host: &str,
    target: &str,
) -> Result<Reply<'a>, Denied> {
    let mut response = Response::new(Bytes::new());
    name_request(response.headers_mut(), id);
    match action {
        // A proxy answers nothing by itself.
        Action::Drop | Action::Proxy(_) => Ok(Reply::Nothing),
        Action::Respond { status, content_type, body } => {
            let text = rendered(body, id, *status, host, "");
            *response.status_mut() = *status;
            if let Some(content_type) = content_type {
                response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            }
            *response.body_mut() = Bytes::from(text);
            Ok(Reply::OfRoute(response, "respond"))
        }
        Action::Redirect { status, location } => {
            let location = rendered(location, id, *status, host, target);
            let location = HeaderValue::try_from(location).map_err(|_| {
                Denied::new(Answer::BadRequest, "a target that no header can carry")
            })?;
            *response.status_mut() = *status;
            response.headers_mut().insert(LOCATION, location);
            Ok(Reply::OfRoute(response, "redirect"))
        }
    }
}

fn rendered(
    template: &Template,
    id: RequestId,
    status: StatusCode,
    host: &str,
    path: &str,
) -> String {
    template.render(|place| match place {
        Piece::RequestId => Cow::Owned(id.to_string()),
        Piece::Status => Cow::Owned(status.as_str().to_owned()),
        Piece::Host => Cow::Owned(host.to_owned()),
        Piece::Path => Cow::Owned(path.to_owned()),
        // The configuration lets no other into such a text.
        _ => Cow::Borrowed(""),
    })
}
