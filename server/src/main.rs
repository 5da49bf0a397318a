//! `carnelian-server`: the Redis protocol in front of the engine.

mod net;

use std::net::SocketAddr;

use carnelian::{Engine, Options};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::io::Result<()> {
    let port = std::env::args().skip_while(|a| a != "--port").nth(1).and_then(|p| p.parse().ok()).unwrap_or(6379);
    let listener = mio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    net::EventLoop::new(Engine::open(Options::new()).map_err(std::io::Error::other)?, listener)?.run()
}
