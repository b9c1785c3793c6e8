//! `[[site.route]]`: which requests take which way, and that no spelling of a path takes another.

use http::StatusCode;

use crate::support::client::End;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2::{empty, request};
use crate::support::h2_app::H2App;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

/// A gateway with such routes.
fn gateway(app: &Upstream, routes: &str) -> Gateway {
    Setup::new(app).site_tables(routes).start()
}

/// The targets that an app has seen, in order.
fn targets(app: &Upstream) -> Vec<String> {
    let target = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    app.requests().iter().map(|request| target(&request.first_line)).collect()
}

#[test]
fn the_first_route_that_fits_by_path_and_method_is_taken() {
    let (app, other) = (Upstream::answering(OK), Upstream::answering(OK));
    let routes = format!(
        r#"
        [[site.route]]
        path = "/callback"
        methods = ["POST"]
        upstream = "{}"

        [[site.route]]
        path_prefix = "/callback"
        action = "respond"
        status = 404
        "#,
        other.url
    );
    let gateway = gateway(&app, &routes);
    let mut client = gateway.connect();
    let post = "POST /callback?a=b HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(client.ask(post).status(), 200);
    for target in ["/callback", "/callback/x"] {
        assert_eq!(client.get(target).status(), 404, "{target}");
    }
    assert_eq!(client.get("/callbacks").status(), 200);
    assert_eq!(targets(&other), ["/callback?a=b"]);
    assert_eq!(targets(&app), ["/callbacks"]);
}

/// What is not to be reached is not reached in any spelling that a server could read as it.
#[test]
fn no_spelling_of_a_path_gets_past_its_route() {
    let app = Upstream::answering(OK);
    let routes = r#"
        [[site.route]]
        path_prefix = "/admin"
        action = "respond"
        status = 403
    "#;
    let gateway = gateway(&app, routes);
    let told = [
        "/admin",
        "/admin/",
        "/admin/x",
        "/%61dmin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/./admin",
        "//admin",
        "/x/..//admin/y",
        "/admin;v=1",
        "/admin;v=1/x",
        "/admin?x",
        "/admin/../admin",
        "http://a.example/admin",
        "http://a.example//x/../admin",
    ];
    let mut h2 = gateway.connect_h2();
    for target in told {
        assert_eq!(gateway.connect().get(target).status(), 403, "{target}");
        if target.starts_with('/') && !target.starts_with("//") {
            let answer = h2.ask(request("GET", target).body(empty()).unwrap());
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{target} on HTTP/2");
        }
    }
    let refused = [
        "/x%2fadmin",
        "/x/..%2fadmin",
        "/%2fadmin",
        "/x%5c..%5cadmin",
        "/x\\..\\admin",
        "/admin%00",
        "/..;/admin",
        "/x/..;v=1/admin",
        "/../admin",
        "/%2e%2e/admin",
        "/%c0%afadmin",
        "/%zdmin",
        "/;/admin",
        "/x/%2e%2e%3b/admin%2f",
    ];
    for target in refused {
        let answer = gateway.connect().get(target);
        assert_eq!(answer.status(), 400, "{target}");
        let code = answer.code();
        // The HTTP library refuses a backslash by itself.
        assert!(code == "ambiguous-path" || target.contains('\\'), "{target}: {code}");
    }
    assert_eq!(targets(&app), [""; 0]);
}

#[test]
fn the_app_sees_the_path_that_was_judged() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "[[site.route]]\npath = \"/x\"\naction = \"drop\"\n");
    for target in ["/a/../b//c/%7Ed?q=/../%2f", "/caf%c3%a9;v=1", "/"] {
        assert_eq!(gateway.connect().get(target).status(), 200);
    }
    assert_eq!(targets(&app), ["/b/c/~d?q=/../%2f", "/caf%C3%A9;v=1", "/"]);
}

#[test]
fn without_routes_a_path_stays_as_it_came() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    for target in ["/a/../b//c%2f%7E", "/..;/x"] {
        assert_eq!(gateway.connect().get(target).status(), 200);
    }
    assert_eq!(targets(&app), ["/a/../b//c%2f%7E", "/..;/x"]);
}

#[test]
fn encoded_slashes_are_kept_where_the_site_says_so() {
    let app = Upstream::answering(OK);
    let keep = "encoded_slashes = \"keep\"\n[[site.route]]\npath = \"/x\"\naction = \"drop\"\n";
    let gateway = gateway(&app, keep);
    assert_eq!(gateway.connect().get("/projects/a%2fb").status(), 200);
    assert_eq!(gateway.connect().get("/projects/..%2fb").status(), 400);
    assert_eq!(targets(&app), ["/projects/a%2Fb"]);
}

#[test]
fn a_rewritten_path_is_put_in_place_of_the_routes_own() {
    let app = Upstream::answering(OK);
    let routes = r#"
        [[site.route]]
        path_prefix = "/api"
        path_rewrite = "/v2"
        [[site.route]]
        path_prefix = "/bare/"
        path_rewrite = "/"
        [[site.route]]
        path = "/old"
        path_rewrite = "/new/place"
    "#;
    let gateway = Setup::with_url(&format!("{}/base", app.url)).site_tables(routes).start();
    for target in ["/api", "/api/x?q", "/api;v=1/y", "/bare/", "/bare/z", "/old?a", "/other"] {
        assert_eq!(gateway.connect().get(target).status(), 200);
    }
    let expected = [
        "/base/v2",
        "/base/v2/x?q",
        "/base/v2/y",
        "/base/",
        "/base/z",
        "/base/new/place?a",
        "/base/other",
    ];
    assert_eq!(targets(&app), expected);
}

#[test]
fn routes_change_headers_but_not_what_the_gateway_says() {
    let app = Upstream::answering(
        "HTTP/1.1 200 OK\r\nserver: app\r\nx-inner: 1\r\ncontent-length: 0\r\n\r\n",
    );
    let routes = r#"
        [[site.route]]
        path_prefix = "/"
        request_headers_remove = ["Authorization", "X-SSL-Client-Verify"]
        request_headers_set = ["X-Route: one", "Host: app.internal", "X-SSL-Client-Verify: NONE", "X-Forwarded-For: 192.0.2.1"]
        response_headers_remove = ["Server", "X-Inner"]
        response_headers_set = ["Cache-Control: no-store"]
    "#;
    let gateway = gateway(&app, routes);
    let answer = gateway.connect().ask(
        "GET / HTTP/1.1\r\nhost: a.example\r\nauthorization: Basic eDp5\r\nx-route: mine\r\nx-route: two\r\n\r\n",
    );
    assert_eq!(answer.status(), 200);
    assert_eq!((answer.one("server"), answer.one("x-inner")), (None, None));
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    let seen = app.only_request();
    assert_eq!(seen.one("authorization"), None);
    assert_eq!(seen.all("x-route"), ["one"]);
    assert_eq!(seen.all("host"), ["app.internal"]);
    assert_eq!(seen.all("x-ssl-client-verify"), ["SUCCESS"]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.all("x-forwarded-host"), ["a.example"]);
}

#[test]
fn a_route_changes_the_host_that_is_asked_for_in_http2_too() {
    let app = H2App::answering("hello");
    let routes =
        "[[site.route]]\npath_prefix = \"/\"\nrequest_headers_set = [\"Host: app.internal\"]";
    let gateway = Setup::with_url(&app.url).site_tables(routes).start();
    assert_eq!(gateway.connect_h2().get("/").status, 200);
    let head = &app.heads()[0];
    assert_eq!(head.uri().authority().unwrap(), "app.internal");
    assert_eq!(head.headers()["x-forwarded-host"], "a.example");
}

#[test]
fn a_route_answers_and_redirects_by_itself() {
    let routes = r#"
        [[site.route]]
        path = "/ping"
        action = "respond"
        content_type = "application/json"
        body = '{"id":"$request_id","status":$status,"price":"$$1"}'
        [[site.route]]
        path = "/gone"
        action = "respond"
        status = 410
        [[site.route]]
        path_prefix = "/old"
        action = "redirect"
        status = 301
        location = "https://$host:8443$path"
        [[site.route]]
        action = "redirect"
        location = "/start"
    "#;
    let gateway = gateway(&Upstream::absent(), routes);
    let mut client = gateway.connect();
    let answer = client.get("/ping");
    let id = answer.one("x-request-id").unwrap().to_owned();
    assert_eq!(answer.one("content-type"), Some("application/json"));
    let body = format!(r#"{{"id":"{id}","status":200,"price":"$1"}}"#);
    assert_eq!(String::from_utf8_lossy(&answer.body), body);
    assert_eq!(client.event("access").field("code"), "respond");
    let answer = client.get("/gone");
    assert_eq!((answer.status(), answer.body.len()), (410, 0));
    client.send("HEAD /ping HTTP/1.1\r\nhost: a.example\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    let answer = client.get("/old/%78//y?a=b");
    assert_eq!(answer.status(), 301);
    assert_eq!(answer.one("location"), Some("https://a.example:8443/old/x/y?a=b"));
    let answer = client.get("/");
    assert_eq!((answer.status(), answer.one("location")), (308, Some("/start")));
}

#[test]
fn a_dropped_request_gets_no_answer() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app, "[[site.route]]\npath = \"/drop\"\naction = \"drop\"\n");
    let mut client = gateway.connect();
    assert_eq!(client.get("/fine").status(), 200);
    client.send("GET /drop HTTP/1.1\r\nhost: a.example\r\n\r\n");
    assert!(matches!(client.end(), End::CutOff), "no byte of an answer");
    let events = client.events("access", 2);
    assert_eq!(events[1].field("outcome"), "dropped");
    assert_eq!(events[1].field("status"), "0");
    // On HTTP/2 the others of the connection go on.
    let mut h2 = gateway.connect_h2();
    assert!(h2.begin(request("GET", "/drop").body(empty()).unwrap()).is_err());
    assert_eq!(h2.get("/fine").status, StatusCode::OK);
    assert_eq!(targets(&app), ["/fine", "/fine"]);
}

#[test]
fn a_route_narrows_whom_its_site_admits() {
    let app = Upstream::answering(OK);
    let routes = r#"
        [site.client]
        mode = "optional"
        [[site.route]]
        path = "/one"
        allow = [{ subject_cn = "One" }]
        [[site.route]]
        path = "/verified"
        mode = "require"
    "#;
    let setup = Setup::new(&app).site_tables(routes);
    let issued = |name: &str| Credentials::of(&setup.pki.client_ca.client(name).issue().unwrap());
    let (one, two) = (issued("One"), issued("Two"));
    let gateway = setup.start();
    let statuses = |mut client: crate::support::client::Client| {
        ["/one", "/verified", "/open"].map(|target| client.get(target).status())
    };
    assert_eq!(statuses(gateway.caller().presenting(one).connect()), [200, 200, 200]);
    assert_eq!(statuses(gateway.caller().presenting(two).connect()), [403, 200, 200]);
    assert_eq!(statuses(gateway.caller().presenting_nothing().connect()), [403, 403, 200]);
    assert_eq!(targets(&app), ["/one", "/verified", "/open", "/verified", "/open", "/open"]);
}

#[test]
fn a_route_has_ceilings_and_timeouts_of_its_own() {
    let app = Upstream::scripted(|talk| {
        _ = talk.request();
        talk.wait_for_end();
    });
    let routes = r#"
        [[site.route]]
        path = "/small"
        body_bytes_max = "3B"
        [[site.route]]
        path = "/quick"
        response_header_timeout = "50ms"
    "#;
    let gateway = gateway(&app, routes);
    let post = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nhost: a.example\r\ncontent-length: 4\r\n\r\nabcd")
    };
    assert_eq!(gateway.connect().ask(post("/small")).status(), 413);
    assert_eq!(gateway.connect().ask(post("/quick")).status(), 504);
}

#[test]
fn own_answers_are_in_the_words_of_the_site() {
    let answers = r#"
        [site.answers]
        body = '{"ActionStatus":"FAIL","ErrorInfo":"$message ($request_id)","ErrorCode":$status,"Code":"$code$reason"}'
        status = 200
    "#;
    let gateway = gateway(&Upstream::absent(), answers);
    let answer = gateway.connect().get("/");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.one("content-type"), Some("application/json"));
    let id = answer.one("x-request-id").unwrap();
    let body = format!(
        r#"{{"ActionStatus":"FAIL","ErrorInfo":"the app cannot be reached ({id})","ErrorCode":502,"Code":"upstream-unreachable"}}"#
    );
    assert_eq!(String::from_utf8_lossy(&answer.body), body);
    // What the HTTP library refuses by itself, too.
    let answer = gateway.connect().ask("GET / HTTP/1.1\r\nhost : x\r\n\r\n");
    assert_eq!(answer.status(), 200);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains(r#""ErrorCode":400,"Code":"bad-request""#), "{text}");
    assert!(text.contains(answer.one("x-request-id").unwrap()), "{text}");
}
