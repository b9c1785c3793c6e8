//! Connections from a port that no other client of the test binary has: events of gateways are told apart by the
//! client's address, and the kernel gives one port to several clients as long as they call different gateways.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

/// Below those that the kernel gives out by itself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Connects from a port of its own.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    // Test binaries that run beside each other begin at different ones.
    let start = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap();
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in 0..1000 {
        let count = PORTS.end - PORTS.start;
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let from = SocketAddr::new(address.ip(), PORTS.start + (start + number) % count);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        let connected = socket.bind(&from.into()).and_then(|()| socket.connect(&address.into()));
        match connected {
            Ok(()) => return Ok(socket.into()),
            // Somebody else has it, or had it a moment ago.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
                ) =>
            {
                last = error;
            }
            Err(error) => return Err(error),
        }
    }
    Err(last)
}
