//! Which certificates are sent, and in which order.

use super::super::forge::line;
use super::super::{Case, LET_IN, Valid, case};

pub fn cases() -> Vec<Case> {
    vec![case("chain of 1 intermediate", || line(1).made(), LET_IN, Valid, "ok")]
}
