//! What the built program makes of a machine that fails it: no file descriptors, a full disk, a log that nobody takes,
//! files that are never whole, a clock that jumps. Calls go on; what was said and lost is counted.

mod clock;
mod descriptors;
mod log;
mod stage;
mod storm;
