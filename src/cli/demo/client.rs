//! The platform's side of the demo: one callback over one new TLS connection, and what came of it.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tls::client;

use super::setup::SERVER_NAME;

/// A callback as Tencent Chat sends one before it delivers a message.
pub(super) const CALLBACK_TARGET: &str = "/?SdkAppid=1400000000\
    &CallbackCommand=C2C.CallbackBeforeSendMsg&contenttype=json&ClientIP=192.0.2.1&OptPlatform=Web";
/// Its body.
pub(super) const CALLBACK_BODY: &str = r#"{"CallbackCommand":"C2C.CallbackBeforeSendMsg","From_Account":"alice","To_Account":"bob","MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hello"}}]}"#;

/// How long the platform waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the client saw.
pub(super) enum Outcome {
    /// An HTTP response.
    Answered { status: StatusCode, body: String },
    /// A TLS alert.
    Refused { alert: String },
    /// Neither.
    Failed { why: String },
}

/// A call that is over.
pub(super) struct Call {
    /// The client's address, by which the gateway's log names the connection.
    pub(super) local: Option<SocketAddr>,
    pub(super) outcome: Outcome,
}

/// Who calls, and what is said beyond the callback itself.
pub(super) struct Caller<'a> {
    /// The CA that the client trusts, PEM.
    pub(super) ca: &'a str,
    /// Its certificate and key, PEM.
    pub(super) identity: Option<&'a str>,
    /// Further headers.
    pub(super) headers: &'a [(&'static str, &'static str)],
}

/// Calls the gateway.
pub(super) async fn call(gateway: SocketAddr, caller: &Caller<'_>) -> Call {
    let mut local = None;
    let attempt = exchange(gateway, caller, &mut local);
    let outcome = match timeout(TIMEOUT, attempt).await {
        Ok(Ok((status, body))) => Outcome::Answered { status, body },
        Ok(Err(error)) => match client::alert(error.as_ref()) {
            Some(alert) => Outcome::Refused { alert },
            None => Outcome::Failed { why: error.to_string() },
        },
        Err(_) => Outcome::Failed { why: format!("no answer within {TIMEOUT:?}") },
    };
    Call { local, outcome }
}

async fn exchange(
    gateway: SocketAddr,
    caller: &Caller<'_>,
    local: &mut Option<SocketAddr>,
) -> Result<(StatusCode, String), Box<dyn StdError>> {
    let stream = TcpStream::connect(gateway).await?;
    *local = Some(stream.local_addr()?);
    let stream = client::connect(stream, SERVER_NAME, caller.ca, caller.identity).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Whoever waits for the response is told what goes wrong.
    let driver = tokio::spawn(connection);
    let mut request = Request::post(CALLBACK_TARGET)
        .header(HOST, format!("{SERVER_NAME}:{}", gateway.port()))
        .header(CONTENT_TYPE, "application/json");
    for (name, value) in caller.headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::from(CALLBACK_BODY))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    // Leaves no open connection behind, which the gateway would have to wait for at the end.
    drop(sender);
    let _ = driver.await;
    Ok((status, String::from_utf8_lossy(&body).trim().to_owned()))
}
