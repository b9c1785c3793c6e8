//! Paths of every shape, judged without a handshake: what must hold, what must not, and the words for it.

mod lab;
mod paths;
mod reasons;
