//! What clients of HTTP/2 flood a connection with.

/// A kind of flood for which a connection of HTTP/2 was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// Requests that the client resets (CVE-2023-44487).
    Resets,
    /// Requests that the client makes the gateway reset (CVE-2025-8671).
    ProvokedResets,
    /// SETTINGS.
    Settings,
    /// PING.
    Ping,
    /// PRIORITY.
    Priority,
    /// WINDOW_UPDATE.
    WindowUpdate,
    /// DATA with nothing or next to nothing in it.
    EmptyData,
    /// A head that goes on and on.
    Continuation,
    /// A head that unfolds to far more than it may be.
    HeaderList,
    /// Frames of types that nobody here knows.
    Other,
}

impl Flood {
    /// Every kind, for documentation.
    pub const ALL: [Self; 10] = [
        Self::Resets,
        Self::ProvokedResets,
        Self::Settings,
        Self::Ping,
        Self::Priority,
        Self::WindowUpdate,
        Self::EmptyData,
        Self::Continuation,
        Self::HeaderList,
        Self::Other,
    ];

    /// The word that metrics have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::ProvokedResets => "provoked_resets",
            Self::Settings => "settings",
            Self::Ping => "ping",
            Self::Priority => "priority",
            Self::WindowUpdate => "window_update",
            Self::EmptyData => "empty_data",
            Self::Continuation => "continuation",
            Self::HeaderList => "header_list",
            Self::Other => "other",
        }
    }

    /// What the client did, behind "the client".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Resets => "reset its own requests over and over",
            Self::ProvokedResets => "provoked resets of its requests over and over",
            Self::Settings => "flooded the connection with SETTINGS",
            Self::Ping => "flooded the connection with PING",
            Self::Priority => "flooded the connection with PRIORITY",
            Self::WindowUpdate => "flooded the connection with WINDOW_UPDATE",
            Self::EmptyData => "flooded the connection with DATA of next to no bytes",
            Self::Continuation => "sent a head in more CONTINUATION frames than any needs",
            Self::HeaderList => "sent a head that unfolds to far more than `header_bytes_max`",
            Self::Other => "flooded the connection with frames of unknown types",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_counted_in_its_own_place() {
        for (place, flood) in Flood::ALL.into_iter().enumerate() {
            assert_eq!(flood as usize, place, "{}", flood.as_str());
        }
    }
}
