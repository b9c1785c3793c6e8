//! Changes of protocol: WebSocket over HTTP/1.1 and HTTP/2, and nothing that nobody named.

mod handshake;
mod http2;
mod semantics;
mod stage;
mod trust;
mod tunnel;
