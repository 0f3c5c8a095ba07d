use axum::{Router, response::IntoResponse as _, routing::any};

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn open(allow: &str) -> Outbound {
    let limits = Limits { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    Outbound::with_limits(allow.parse().unwrap(), limits).unwrap()
}

/// Serves `app` on a loopback port.
async fn serve(app: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

#[test]
fn refuses_before_calling() {
    let none = open("");
    for bad in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://0.0.0.0/",
        "https://169.254.169.254/latest",
        "https://10.1.2.3/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://192.168.0.1:8443/",
    ] {
        assert!(matches!(none.check(&url(bad)), Err(OutboundError::Private { .. })), "{bad}");
    }
    for bad in ["http://example.com/", "http://localhost/", "http://8.8.8.8/"] {
        assert!(matches!(none.check(&url(bad)), Err(OutboundError::Plain(_))), "{bad}");
    }
    for bad in ["file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "data:text/plain,x", "unix:/run/x"] {
        assert!(matches!(none.check(&url(bad)), Err(OutboundError::Unusable(_))), "{bad}");
    }
    for bad in ["https://user@example.com/", "https://:pw@example.com/"] {
        assert!(matches!(none.check(&url(bad)), Err(OutboundError::UserInfo(_))), "{bad}");
    }
    for good in ["https://example.com/", "https://8.8.8.8/", "https://example.com:8443/x?y"] {
        none.check(&url(good)).unwrap();
    }
}

#[test]
fn allows_what_the_operator_named_and_no_more() {
    let some = open("idp.internal:9000 10.0.0.0/8 127.0.0.1:7000");
    for good in [
        "http://idp.internal:9000/",
        "https://idp.internal/",
        "http://10.9.9.9/",
        "https://10.1.1.1:1/",
        "http://127.0.0.1:7000/",
    ] {
        some.check(&url(good)).unwrap();
    }
    for bad in [
        "http://idp.internal/",
        "http://127.0.0.1:7001/",
        "https://127.0.0.1/",
        "http://other.internal:9000/",
        "https://172.16.0.1/",
    ] {
        some.check(&url(bad)).unwrap_err();
    }
}

#[test]
fn one_private_answer_condemns_a_name() {
    let guard = Guard(Some(Arc::new("10.0.0.0/8".parse().unwrap())));
    let judge = |answers: &[&str]| guard.judge("x.test", answers.iter().map(|a| a.parse().unwrap()));
    judge(&["8.8.8.8", "2606:4700::1"]).unwrap();
    judge(&["8.8.8.8", "10.0.0.1"]).unwrap();
    for bad in [&["8.8.8.8", "127.0.0.1"][..], &["::1"], &["192.168.0.1", "8.8.8.8"], &["2606:4700::1", "::ffff:127.0.0.1"]] {
        let error = judge(bad).unwrap_err().to_string();
        assert!(error.contains("x.test resolves to a private address") && error.contains("GATEHOUSE_OUTBOUND_ALLOW"), "{error}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_resolves_to() {
    let port = serve(Router::new().route("/", any(|| async { "here" }))).await;
    // https, so that only the resolver stands between.
    let refused = open("").get("test", &url(&format!("https://localhost:{port}/")), "*/*").await.unwrap_err();
    assert!(matches!(&refused, OutboundError::Private { host, .. } if host == "localhost"), "{refused}");
    let tls = open("127.0.0.0/8 ::1").get("test", &url(&format!("https://localhost:{port}/")), "*/*").await.unwrap_err();
    assert!(matches!(tls, OutboundError::Tls { expired: false, .. }), "reached, but no TLS there: {tls}");
    let named = open(&format!("localhost:{port}")).get("test", &url(&format!("http://localhost:{port}/")), "*/*").await.unwrap();
    assert_eq!((named.status, named.body.as_slice()), (200, &b"here"[..]));
}

#[tokio::test]
async fn redirects_stay_within_the_origin() {
    let elsewhere = serve(Router::new().fallback(any(|| async { "elsewhere" }))).await;
    let to = |to: String| any(move || async move { (http::StatusCode::FOUND, [(header::LOCATION, to)], "secret body") });
    let app = Router::new()
        .route("/near", to("/end".to_owned()))
        .route("/far", to(format!("http://127.0.0.1:{elsewhere}/")))
        .route("/name", to("http://localhost/".to_owned()))
        .route("/loop", to("/loop".to_owned()))
        .route("/nowhere", any(|| async { http::StatusCode::FOUND }))
        .route("/end", any(|headers: HeaderMap| async move { format!("{:?}", headers.get(header::USER_AGENT)) }));
    let port = serve(app).await;
    let client = open("127.0.0.1");
    let get = |path: &'static str| {
        let client = client.clone();
        async move { client.get("test", &url(&format!("http://127.0.0.1:{port}{path}")), "*/*").await }
    };
    let near = get("/near").await.unwrap();
    assert!(String::from_utf8(near.body).unwrap().contains("gatehouse/"));
    for path in ["/far", "/name", "/nowhere"] {
        let error = get(path).await.unwrap_err();
        assert!(matches!(error, OutboundError::Redirect { .. }), "{path}: {error}");
        assert!(!error.to_string().contains("secret body"));
    }
    assert!(matches!(get("/loop").await.unwrap_err(), OutboundError::RedirectLoop(_)));
    let post = Request::post(format!("http://127.0.0.1:{port}/near")).body(b"code=x".to_vec()).unwrap();
    assert!(matches!(client.send("test", post).await.unwrap_err(), OutboundError::Redirect { .. }), "a POST is not redirected");
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let endless = || async {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(64 * 1024)));
        axum::body::Body::from_stream(chunks).into_response()
    };
    let drip = || async {
        let chunks = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        axum::body::Body::from_stream(chunks).into_response()
    };
    let app = Router::new()
        .route("/endless", any(endless))
        .route("/declared", any(|| async { "x".repeat(BODY_LIMIT + 1) }))
        .route("/full", any(|| async { "x".repeat(BODY_LIMIT) }))
        .route("/drip", any(drip))
        .route("/hang", any(|| async { tokio::time::sleep(Duration::from_secs(60)).await }));
    let port = serve(app).await;
    let client = open("127.0.0.1");
    let get = |path: &'static str| {
        let client = client.clone();
        async move { client.get("test", &url(&format!("http://127.0.0.1:{port}{path}")), "*/*").await }
    };
    assert_eq!(get("/full").await.unwrap().body.len(), BODY_LIMIT);
    for path in ["/endless", "/declared"] {
        assert!(matches!(get(path).await.unwrap_err(), OutboundError::TooLarge(_)), "{path}");
    }
    for path in ["/drip", "/hang"] {
        assert!(matches!(get(path).await.unwrap_err(), OutboundError::TimedOut { .. }), "{path}");
    }
}

#[tokio::test]
async fn posts_and_reads_json_without_echoing_what_is_none() {
    let echo = any(|method: Method, headers: HeaderMap, body: String| async move {
        let kind = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (http::StatusCode::BAD_REQUEST, serde_json::json!([method.as_str(), kind, body]).to_string())
    });
    let port = serve(Router::new().route("/echo", echo).route("/text", any(|| async { "secret words" }))).await;
    let client = open("127.0.0.1");
    let request =
        Request::post(format!("http://127.0.0.1:{port}/echo")).header("content-type", "text/x").body(b"hi".to_vec()).unwrap();
    let answer = client.send("test", request).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.body(), br#"["POST","text/x","hi"]"#);
    let text = client.get("test", &url(&format!("http://127.0.0.1:{port}/text")), "application/json").await.unwrap();
    let error = text.json::<serde_json::Value>().unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && !error.contains("secret"), "{error}");
}

/// In a build of the tests. Whoever waits for a turn must not wait for a server that is not ours.
#[tokio::test]
async fn nothing_is_asked_within_a_turn() {
    let port = serve(Router::new().fallback(any(|| async { "here" }))).await;
    let outbound = open(&format!("127.0.0.1:{port}"));
    for (held, passes) in [(false, true), (true, false)] {
        let (outbound, at) = (outbound.clone(), url(&format!("http://127.0.0.1:{port}/")));
        let asked = tokio::spawn(async move {
            let turns = turns::Turns::new(1);
            let turn = turns.take("acme", Duration::ZERO).await;
            let turn = turn.filter(|_| held);
            let answer = outbound.get("test", &at, "text/plain").await;
            drop(turn);
            answer.is_ok()
        });
        assert_eq!(asked.await.is_ok_and(|answered| answered), passes, "{held}");
    }
}
