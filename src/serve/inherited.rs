//! Listening sockets that were open before this process: handed over by systemd, kept by it for us, or passed on
//! by the process that this one replaces. They find their listener by the address that they listen on.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

/// What the names of sockets begin with that this program opened, and systemd only keeps.
const OWN: &str = "bound-";

/// A listening socket that another process opened, or this one for the next.
#[derive(Debug)]
pub struct Inherited {
    /// `FileDescriptorName=` of its socket unit, or one of our own.
    pub name: String,
    /// The socket.
    pub socket: TcpListener,
}

impl Inherited {
    /// Where it listens; `None` for what is no socket any more.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// Whether this program opened it, in this process or an earlier one. Such a socket is ours to close; one of a
    /// socket unit stays open in systemd, whatever we do.
    pub fn is_own(&self) -> bool {
        is_own(&self.name)
    }
}

pub(super) fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

/// The name of a socket that this program opens; systemd allows no colon in it.
pub(super) fn own_name(address: SocketAddr) -> String {
    format!("{OWN}{address}").replace(':', ",")
}

/// Takes the sockets of one address out of `spare`: several if it is a set that shares a port. Port 0 stands for any
/// port, but for none that another listener is `claimed` by.
///
/// # Errors
/// A socket that cannot be set to what the acceptor needs.
pub(super) fn take(
    spare: &mut Vec<Inherited>,
    wanted: SocketAddr,
    claimed: impl Fn(SocketAddr) -> bool,
) -> io::Result<Vec<Inherited>> {
    let addresses = || spare.iter().filter_map(Inherited::address);
    let any_port = |at: &SocketAddr| wanted.port() == 0 && at.ip() == wanted.ip() && !claimed(*at);
    let Some(address) = addresses().find(|at| *at == wanted).or_else(|| addresses().find(any_port))
    else {
        return Ok(Vec::new());
    };
    for one in spare.iter().filter(|one| one.address() == Some(address)) {
        one.socket.set_nonblocking(true)?;
        SockRef::from(&one.socket).set_tcp_nodelay(true)?;
    }
    Ok(spare.extract_if(.., |one| one.address() == Some(address)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(name: &str) -> Inherited {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Inherited { name: name.to_owned(), socket }
    }

    #[test]
    fn a_socket_is_taken_by_its_address_and_with_all_that_share_it() {
        let (one, other) = (socket("https"), socket("other"));
        let address = one.address().unwrap();
        let twin = Inherited { name: "twin".to_owned(), socket: one.socket.try_clone().unwrap() };
        let mut spare = vec![one, other, twin];
        let taken = take(&mut spare, address, |_| false).unwrap();
        let names: Vec<_> = taken.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["https", "twin"]);
        assert_eq!(spare.len(), 1);
        assert!(take(&mut spare, address, |_| false).unwrap().is_empty());
    }

    #[test]
    fn port_0_takes_what_no_other_listener_wants() {
        let (one, other) = (socket("one"), socket("other"));
        let claimed = one.address().unwrap();
        let mut spare = vec![one, other];
        let any = "127.0.0.1:0".parse().unwrap();
        let taken = take(&mut spare, any, |at| at == claimed).unwrap();
        assert_eq!(taken[0].name, "other");
        assert!(take(&mut spare, "127.0.0.2:0".parse().unwrap(), |_| false).unwrap().is_empty());
    }

    #[test]
    fn names_of_our_own_have_no_colon() {
        let name = own_name("[::1]:443".parse().unwrap());
        assert_eq!(name, "bound-[,,1],443");
        assert!(is_own(&name) && !is_own("https"));
    }
}
