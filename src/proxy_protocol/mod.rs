//! The PROXY protocol: who a client is, said before its connection's first byte (HAProxy's `proxy-protocol.txt`). Pure:
//! bytes and what they say.

mod write;

pub use write::{Arrival, Client, header, local_header};
