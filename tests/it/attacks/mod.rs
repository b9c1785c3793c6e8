//! Clients that mean harm, and one that does not and must notice nothing of it.

mod before;
mod bounds;
mod floods;
mod innocent;
mod slow;
