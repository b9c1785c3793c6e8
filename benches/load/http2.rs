//! HTTP/2 as far as a benchmark speaks it.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, StatusCode};

use super::http1::padding;
use super::{Ask, Client, SITE};

/// Room for what a client receives ahead: a stream's and a connection's.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// What is put into the library's queue at once.
const PIECE: usize = 256 * 1024;

pub(crate) type Sender = SendRequest<Bytes>;

/// A connection that is served by a task beside, as long as there is a sender.
pub(crate) async fn connect(client: &Client) -> Result<Sender, String> {
    let stream = client.connect().await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("the server does not speak HTTP/2".to_owned());
    }
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(stream)
        .await
        .map_err(|error| format!("HTTP/2: {error}"))?;
    tokio::task::spawn_local(async move {
        // Its streams say what went wrong.
        _ = connection.await;
    });
    Ok(sender)
}

pub(crate) async fn exchange(sender: &mut Sender, ask: &Ask, body: &Bytes) -> Result<(), String> {
    try_exchange(sender, ask, body).await.map_err(|error| error.to_string())
}

type Failure = Box<dyn std::error::Error>;

async fn try_exchange(sender: &mut Sender, ask: &Ask, body: &Bytes) -> Result<(), Failure> {
    let mut request = Request::builder()
        .method(if body.is_empty() { Method::GET } else { Method::POST })
        .uri(format!("https://{SITE}{}", ask.path));
    for (name, value) in padding(ask.padding) {
        let mut value = HeaderValue::try_from(value)?;
        // Else the second request would send a number in its place.
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    let request = request.body(())?;
    *sender = sender.clone().ready().await?;
    let (response, mut sending) = sender.send_request(request, body.is_empty())?;
    let mut left = body.clone();
    while !left.is_empty() {
        sending.reserve_capacity(left.len().min(PIECE));
        let room = poll_fn(|context| sending.poll_capacity(context)).await;
        let room = room.ok_or("the stream was closed")??;
        let piece = left.split_to(room.min(left.len()));
        sending.send_data(piece, left.is_empty())?;
    }
    let response = response.await?;
    if response.status() != StatusCode::OK {
        return Err(format!("answer: {}", response.status()).into());
    }
    let mut stream = response.into_body();
    let mut received = 0;
    while let Some(data) = stream.data().await {
        let data = data?;
        received += data.len();
        stream.flow_control().release_capacity(data.len())?;
    }
    if received != ask.length {
        return Err(format!("answer: {received} bytes instead of {}", ask.length).into());
    }
    Ok(())
}
