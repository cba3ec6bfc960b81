//! Loopback addresses that nobody else uses, so that the usual ports can be used and a restart finds its port free.

use anyhow::{Context, Result};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// All of 127.0.0.0/8 is loopback on Linux; these nets are far from 127.0.0.1 and the resolver's 127.0.0.53.
const FIRST_NET: u32 = 64;
const NETS: u32 = 32 * 256;

const CONTROLLER_PORT: u16 = 25002;
const REPLICATION_PORT: u16 = 25001;

static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A /24 of the loopback network, ours for as long as this lives.
pub(crate) struct Net {
    number: u32,
    _claim: TcpListener,
}

impl Net {
    /// Takes the first free net from a place that differs between processes.
    pub(crate) fn take() -> Result<Self> {
        let start = process::id().wrapping_mul(2_654_435_761); // Knuth's multiplier spreads neighbouring numbers
        (0..NETS)
            .find_map(|_| {
                let number = start.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % NETS;
                let claim = TcpListener::bind((address(number, 254), 25000)).ok()?;
                Some(Self { number, _claim: claim })
            })
            .context("no loopback addresses are left")
    }

    pub(crate) fn controller(&self) -> SocketAddr {
        (address(self.number, 1), CONTROLLER_PORT).into()
    }

    pub(crate) fn agent(&self, index: usize) -> SocketAddr {
        (address(self.number, 10 + index as u8), REPLICATION_PORT).into()
    }

    pub(crate) fn relay(&self, index: usize) -> SocketAddr {
        (address(self.number, 100 + index as u8), REPLICATION_PORT).into()
    }

    /// An address of a host for services of tests.
    pub(crate) fn service(&self, index: usize) -> Ipv4Addr {
        address(self.number, 200 + index as u8)
    }
}

fn address(net: u32, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, (FIRST_NET + net / 256) as u8, (net % 256) as u8, host)
}
