//! The app's side where it is more than plain HTTP/1.1: over TLS, in HTTP/2, and with the PROXY protocol.

mod h2c;
mod h2c_faults;
mod https;
mod names;
mod proxy_protocol;
