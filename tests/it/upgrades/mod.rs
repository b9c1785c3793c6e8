//! Changes of protocol: WebSocket over HTTP/1.1 and HTTP/2, and nothing that nobody named.

mod handshake;
mod stage;
mod tunnel;
