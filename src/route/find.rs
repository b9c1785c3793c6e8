//! Which route of a site a request takes: the first that fits, in the order of the file.

use http::Method;

use crate::config::{Located, Route, RoutePath};

/// The first route that fits a method and a path, as [`judged`](crate::config::CanonicalPath::judged) gives it. The
/// last route of a site fits every request.
pub fn find<'a>(routes: &'a [Located<Route>], method: &Method, path: &str) -> Option<&'a Route> {
    routes
        .iter()
        .map(|route| &route.value)
        .find(|route| fits_method(route, method) && fits_path(&route.path, path))
}

fn fits_method(route: &Route, method: &Method) -> bool {
    route.methods.is_empty() || route.methods.contains(method)
}

fn fits_path(pattern: &RoutePath, path: &str) -> bool {
    match pattern {
        RoutePath::Any => true,
        RoutePath::Exact(exact) => path == exact,
        // `/api` is `/api` itself and what is below it; `/api/` is only what is below.
        RoutePath::Prefix(prefix) => path
            .strip_prefix(prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        let fits = |prefix: &str, path| fits_path(&RoutePath::Prefix(prefix.to_owned()), path);
        for path in ["/api", "/api/", "/api/x"] {
            assert!(fits("/api", path), "{path}");
        }
        for path in ["/", "/apix", "/ap", "/API", "*"] {
            assert!(!fits("/api", path), "{path}");
        }
        assert!(fits("/api/", "/api/x") && fits("/api/", "/api/") && !fits("/api/", "/api"));
        assert!(fits("/", "/") && fits("/", "/x") && !fits("/", "*"));
    }
}
